//! How many connections are open, altogether and from one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Which limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// One address has as many connections as it may have.
    Address,
    /// The service has as many connections as it may have.
    Service,
}

/// Counts connections; a place is given back when its [`Place`] is dropped.
#[derive(Debug)]
pub(super) struct ConnectionCount {
    per_address_max: usize,
    total_max: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    per_address: HashMap<IpAddr, usize>,
}

/// One open connection.
#[derive(Debug)]
pub(super) struct Place {
    count: Arc<ConnectionCount>,
    address: IpAddr,
}

impl ConnectionCount {
    pub(super) fn new(per_address_max: usize, total_max: usize) -> Self {
        Self {
            per_address_max,
            total_max,
            open: Mutex::default(),
        }
    }

    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Result<Place, Full> {
        let address = counted_as(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.total >= self.total_max {
            return Err(Full::Service);
        }
        let from_address = open.per_address.entry(address).or_default();
        if *from_address >= self.per_address_max {
            return Err(Full::Address);
        }
        *from_address += 1;
        open.total += 1;
        drop(open);
        Ok(Place {
            count: Arc::clone(self),
            address,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self
            .count
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        open.total = open.total.saturating_sub(1);
        if let Some(from_address) = open.per_address.get_mut(&self.address) {
            *from_address = from_address.saturating_sub(1);
            if *from_address == 0 {
                open.per_address.remove(&self.address);
            }
        }
    }
}

/// An IPv6 customer has a whole /64: it counts as one address.
fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(
            address.to_bits() & !u128::from(u64::MAX),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_gets_its_places_and_no_more() {
        let count = Arc::new(ConnectionCount::new(2, 10));
        let places: Vec<_> = (0..2)
            .map(|_| count.enter(address("192.0.2.1")).unwrap())
            .collect();
        assert_eq!(
            count.enter(address("192.0.2.1")).unwrap_err(),
            Full::Address
        );
        assert!(count.enter(address("192.0.2.2")).is_ok());
        drop(places);
        assert!(count.enter(address("192.0.2.1")).is_ok());
        assert!(count.open.lock().unwrap().per_address.is_empty());
    }

    #[test]
    fn the_service_gets_its_places_and_no_more() {
        let count = Arc::new(ConnectionCount::new(2, 2));
        let _first = count.enter(address("192.0.2.1")).unwrap();
        let _second = count.enter(address("192.0.2.2")).unwrap();
        assert_eq!(
            count.enter(address("192.0.2.3")).unwrap_err(),
            Full::Service
        );
    }

    #[test]
    fn one_ipv6_network_counts_as_one_address() {
        let count = Arc::new(ConnectionCount::new(1, 10));
        let _place = count.enter(address("2001:db8::1")).unwrap();
        assert_eq!(
            count.enter(address("2001:db8::2")).unwrap_err(),
            Full::Address
        );
        assert!(count.enter(address("2001:db8:0:1::1")).is_ok());
    }
}
