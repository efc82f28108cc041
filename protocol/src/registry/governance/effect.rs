//! What a change makes of the parties.

use super::{Change, ChangeError};
use crate::registry::{Issuer, Member, Parties, ProcessDefinition, Verifier};

/// An entry of the parties that a change replaces as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A member's.
    Member(Member),
    /// An issuer's.
    Issuer(Issuer),
    /// A verifier's.
    Verifier(Verifier),
}

impl Parties {
    /// The entry that a change replaces as a whole; none if there is none yet, or the change says only what becomes of it.
    ///
    /// Who wrote the new entry had this one before their eyes: in the place of another one it would undo what was decided
    /// meanwhile, such as the end of a stolen key.
    #[must_use]
    pub fn replaced(&self, change: &Change) -> Option<Entry> {
        match change {
            Change::UpdateMember { member } => {
                let mut members = self.members().iter();
                let known = members.find(|known| known.name == member.name);
                known.cloned().map(Entry::Member)
            }
            Change::RegisterIssuer { issuer } => {
                self.issuer(issuer.id.as_str()).cloned().map(Entry::Issuer)
            }
            Change::RegisterVerifier { verifier } => {
                let known = self.verifier(verifier.id.as_str());
                known.cloned().map(Entry::Verifier)
            }
            Change::AdmitMember { .. }
            | Change::RemoveMember { .. }
            | Change::SuspendMember { .. }
            | Change::ReinstateMember { .. }
            | Change::RetireIssuer { .. }
            | Change::RetireVerifier { .. }
            | Change::PublishDefinition { .. } => None,
        }
    }

    /// The parties after a change that takes effect at `height`.
    ///
    /// # Errors
    ///
    /// Fails if the change speaks of what is not there, has no effect, or leaves parties that do not fit together.
    pub fn changed(&self, change: &Change, height: u64) -> Result<Self, ChangeError> {
        let mut draft = Draft::of(self);
        draft.make(change, height)?;
        draft.checked()
    }

    /// The parties with these members, and after changes of all others, each with the height at which it takes effect. Only
    /// what comes of it in the end has to fit together.
    ///
    /// # Errors
    ///
    /// As [`Parties::changed`].
    pub fn with<'c>(
        &self,
        members: &[Member],
        changes: impl IntoIterator<Item = (&'c Change, u64)>,
    ) -> Result<Self, ChangeError> {
        let mut draft = Draft::of(self);
        draft.members = members.to_vec();
        for (change, height) in changes {
            draft.make(change, height)?;
        }
        draft.checked()
    }
}

/// Parties that need not fit together yet.
struct Draft {
    members: Vec<Member>,
    issuers: Vec<Issuer>,
    verifiers: Vec<Verifier>,
    definitions: Vec<ProcessDefinition>,
}

impl Draft {
    fn of(parties: &Parties) -> Self {
        Self {
            members: parties.members().to_vec(),
            issuers: parties.issuers().to_vec(),
            verifiers: parties.verifiers().to_vec(),
            definitions: parties.process_definitions().to_vec(),
        }
    }

    fn make(&mut self, change: &Change, height: u64) -> Result<(), ChangeError> {
        let Self {
            members,
            issuers,
            verifiers,
            definitions,
        } = self;
        match change {
            Change::AdmitMember { member } => admit(members, member)?,
            Change::RemoveMember { name } => {
                members.remove(position(members, |member| member.name == *name)?);
            }
            Change::SuspendMember { name } => suspend(members, name, true)?,
            Change::ReinstateMember { name } => suspend(members, name, false)?,
            Change::UpdateMember { member } => update(members, member)?,
            Change::RegisterIssuer { issuer } => register_issuer(issuers, issuer)?,
            Change::RetireIssuer { id } => retire_issuer(issuers, id)?,
            Change::RegisterVerifier { verifier } => register_verifier(verifiers, verifier)?,
            Change::RetireVerifier { id } => {
                verifiers.remove(position(verifiers, |verifier| verifier.id.as_str() == id)?);
            }
            Change::PublishDefinition { definition } => publish(definitions, definition, height)?,
        }
        Ok(())
    }

    fn checked(self) -> Result<Parties, ChangeError> {
        let Self {
            members,
            issuers,
            verifiers,
            definitions,
        } = self;
        Ok(Parties::check(members, issuers, verifiers, definitions)?)
    }
}

fn position<T>(parties: &[T], is_it: impl Fn(&T) -> bool) -> Result<usize, ChangeError> {
    parties.iter().position(is_it).ok_or(ChangeError::Unknown)
}

/// Puts a party in the place of the one that `is_it`, or at the end.
fn put<T: Clone + PartialEq>(
    parties: &mut Vec<T>,
    party: &T,
    is_it: impl Fn(&T) -> bool,
) -> Result<(), ChangeError> {
    match parties.iter_mut().find(|known| is_it(known)) {
        Some(known) if known == party => return Err(ChangeError::NoEffect),
        Some(known) => known.clone_from(party),
        None => parties.push(party.clone()),
    }
    Ok(())
}

fn admit(members: &mut Vec<Member>, member: &Member) -> Result<(), ChangeError> {
    let known = members.iter().any(|known| known.name == member.name);
    if known || member.suspended {
        return Err(ChangeError::NoEffect);
    }
    members.push(member.clone());
    Ok(())
}

fn suspend(members: &mut [Member], name: &str, suspended: bool) -> Result<(), ChangeError> {
    let mut members = members.iter_mut();
    let member = members
        .find(|member| member.name == name)
        .ok_or(ChangeError::Unknown)?;
    if member.suspended == suspended {
        return Err(ChangeError::NoEffect);
    }
    member.suspended = suspended;
    Ok(())
}

/// Whether a member is suspended is not for an update to say.
fn update(members: &mut [Member], update: &Member) -> Result<(), ChangeError> {
    let mut members = members.iter_mut();
    let member = members
        .find(|member| member.name == update.name)
        .ok_or(ChangeError::Unknown)?;
    if member == update || member.suspended != update.suspended {
        return Err(ChangeError::NoEffect);
    }
    member.clone_from(update);
    Ok(())
}

/// The record keys that an issuer had before are for the ledger to remember, and its retirement is another decision.
fn register_issuer(issuers: &mut Vec<Issuer>, issuer: &Issuer) -> Result<(), ChangeError> {
    if issuer.retired || !issuer.former_record_keys.is_empty() {
        return Err(ChangeError::NoEffect);
    }
    let mut registered = issuer.clone();
    if let Some(known) = issuers.iter().find(|known| known.id == issuer.id) {
        registered
            .former_record_keys
            .clone_from(&known.former_record_keys);
        if known.record_key != issuer.record_key {
            registered.former_record_keys.push(known.record_key);
        }
    }
    put(issuers, &registered, |known| known.id == registered.id)
}

fn register_verifier(
    verifiers: &mut Vec<Verifier>,
    verifier: &Verifier,
) -> Result<(), ChangeError> {
    put(verifiers, verifier, |known| known.id == verifier.id)
}

fn retire_issuer(issuers: &mut [Issuer], id: &str) -> Result<(), ChangeError> {
    let mut issuers = issuers.iter_mut();
    let issuer = issuers
        .find(|issuer| issuer.id.as_str() == id)
        .ok_or(ChangeError::Unknown)?;
    if issuer.retired {
        return Err(ChangeError::NoEffect);
    }
    issuer.retired = true;
    Ok(())
}

/// A definition is listed before it is active, so that everyone can prepare; it is never active in the past.
fn publish(
    definitions: &mut Vec<ProcessDefinition>,
    definition: &ProcessDefinition,
    height: u64,
) -> Result<(), ChangeError> {
    if definitions.contains(definition) {
        return Err(ChangeError::NoEffect);
    }
    definitions.push(ProcessDefinition {
        activation_height: definition.activation_height.max(height),
        ..definition.clone()
    });
    Ok(())
}
