//! Applications: started on the company's page, received from a wallet, decided by the staff.

pub(crate) mod decide;
pub(crate) mod record;
pub(crate) mod session;
pub(crate) mod start;
pub(crate) mod status;
