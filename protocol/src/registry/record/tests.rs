use super::*;
use crate::identity::Algorithm;
use crate::registry::vectors::{
    flipped, hex, hex_array, list, number, read, records, signing_key, text,
};
use crate::registry::{CaseId, Commitment};
use proptest::prelude::*;

const NETWORK: NetworkId = NetworkId::from_bytes([3; 32]);

fn key() -> SigningKey {
    signing_key(0, &[5; 32])
}

fn event() -> Body {
    Body::CaseEvent(CaseEvent {
        case: CaseId::from_bytes([1; 16]),
        sequence: 70_000,
        code: 300,
        definition: 1,
        commitment: Commitment::from_bytes([2; 32]),
    })
}

fn decode_and_verify(bytes: &[u8]) -> Result<Record, RecordError> {
    UnverifiedRecord::decode(bytes)?.verify(&NETWORK)
}

/// CBOR as a tree, to be changed and written again.
#[derive(Clone, Debug, PartialEq)]
enum Item {
    Number(u64),
    Bytes(Vec<u8>),
    List(Vec<Item>),
    /// Bytes that stand for themselves.
    Raw(Vec<u8>),
}

impl Item {
    fn read(from: &mut Decoder<'_>) -> Self {
        let major_type = from.input()[from.position()] >> 5;
        match major_type {
            0 => Self::Number(from.u64().unwrap()),
            2 => Self::Bytes(from.bytes().unwrap().to_vec()),
            4 => {
                let length = from.array().unwrap().unwrap();
                Self::List((0..length).map(|_item| Self::read(from)).collect())
            }
            other => panic!("major type {other} in a record"),
        }
    }

    fn write(&self, to: &mut Encoder<Vec<u8>>) {
        match self {
            Self::Number(number) => drop(to.u64(*number).unwrap()),
            Self::Bytes(bytes) => drop(to.bytes(bytes).unwrap()),
            Self::List(items) => {
                to.array(items.len() as u64).unwrap();
                items.iter().for_each(|item| item.write(to));
            }
            Self::Raw(raw) => to.writer_mut().extend(raw),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut to = Encoder::new(Vec::new());
        self.write(&mut to);
        to.into_writer()
    }

    /// Every tree that differs from this one at one place, where `change` gives what may stand there instead.
    fn changed(&self, change: &dyn Fn(&Self) -> Vec<Self>) -> Vec<Self> {
        let mut all = change(self);
        if let Self::List(items) = self {
            for (at, item) in items.iter().enumerate() {
                for other in item.changed(change) {
                    let mut items = items.clone();
                    items[at] = other;
                    all.push(Self::List(items));
                }
            }
        }
        all
    }
}

fn tree(bytes: &[u8]) -> Item {
    Item::read(&mut Decoder::new(bytes))
}

/// Whether the list is the path in a designation or the events of a group, which may be longer or shorter.
fn is_of_any_length(items: &[Item]) -> bool {
    let hash = |item: &Item| matches!(item, Item::Bytes(bytes) if bytes.len() == 32);
    let event = |item: &Item| matches!(item, Item::List(fields) if fields.len() == 5);
    (items.len() == 3 && items.iter().all(hash)) || (items.len() == 5 && items.iter().all(event))
}

#[test]
fn records_are_encoded_signed_and_named_as_the_vectors_say() {
    let vectors = read("records");
    let (network, records) = records();
    let mut kinds = std::collections::BTreeSet::new();
    for (record, vector) in records.iter().zip(list(&vectors, "records")) {
        assert_eq!(u64::from(record.body().kind()), number(vector, "kind"));
        assert_eq!(record.id().to_string(), text(vector, "id"));
        let signed = tagged(SIGNATURE_TAG, &record.statement.encode());
        assert_eq!(signed, hex(text(vector, "signed")));

        let secret = signing_key(
            number(vector, "algorithm"),
            &hex(text(vector, "author_seed")),
        );
        let again = Record::sign(network, record.body().clone(), &secret);
        assert_eq!(again.id(), record.id());
        match record.author() {
            Author::Ed25519(_) => assert_eq!(&again, record),
            Author::P256(_) => assert_eq!(again.statement, record.statement),
        }
        kinds.insert(record.body().kind());
    }
    assert_eq!(kinds, (1..=9).collect());
}

#[test]
fn thumbprints_are_those_of_rfc_7638() {
    for anchor in list(&read("anchors"), "anchors") {
        let author = match number(anchor, "algorithm") {
            0 => Author::Ed25519(hex_array(text(anchor, "public_key"))),
            _ => Author::P256(hex_array(text(anchor, "public_key"))),
        };
        assert_eq!(author.thumbprint(), hex_array(text(anchor, "thumbprint")));
    }
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        let key = SigningKey::from_secret(algorithm, &[9; 32]).unwrap();
        let author = Author::of(key.public_key());
        assert_eq!(author.thumbprint(), key.public_key().thumbprint());
    }
}

#[test]
fn every_byte_of_every_record_flipped_is_refused() {
    let (network, records) = records();
    for record in records {
        for (at, changed) in flipped(record.as_bytes()) {
            let verified =
                UnverifiedRecord::decode(&changed).and_then(|record| record.verify(&network));
            assert!(verified.is_err(), "byte {at} of {record:?}");
        }
    }
}

#[test]
fn neg_l01_a_record_that_its_author_did_not_sign_is_refused() {
    let record = Record::sign(NETWORK, event(), &key());
    assert_eq!(decode_and_verify(record.as_bytes()), Ok(record.clone()));

    let unsigned = record.statement.encode_signed(&[0; 64]);
    assert_eq!(decode_and_verify(&unsigned), Err(RecordError::Signature));
    let other = signing_key(0, &[6; 32]);
    let message = tagged(SIGNATURE_TAG, &record.statement.encode());
    let by_another = record.statement.encode_signed(&other.sign(&message));
    assert_eq!(decode_and_verify(&by_another), Err(RecordError::Signature));
}

#[test]
fn neg_l01_a_record_for_another_network_is_refused() {
    let foreign = Record::sign(NetworkId::from_bytes([4; 32]), event(), &key());
    let refused = decode_and_verify(foreign.as_bytes());
    assert_eq!(refused, Err(RecordError::WrongNetwork));
    assert!(decode_and_verify(Record::sign(NETWORK, event(), &key()).as_bytes()).is_ok());
}

#[test]
fn neg_l01_a_signature_under_another_domain_tag_is_refused() {
    let record = Record::sign(NETWORK, event(), &key());
    let encoding = record.statement.encode();
    for tag in [
        b"".as_slice(),
        ID_TAG,
        b"tegata/record/v2\0",
        b"tegata/record/v1",
    ] {
        let signature = key().sign(&tagged(tag, &encoding));
        let bytes = record.statement.encode_signed(&signature);
        assert_eq!(decode_and_verify(&bytes), Err(RecordError::Signature));
    }
}

/// Whoever verifies by the stricter rules of RFC 8032 would refuse this record, and consensus would fall apart over it.
#[test]
fn ed25519_signatures_follow_zip_215() {
    let mut neutral_point = [0; 32];
    neutral_point[0] = 1;
    let statement = Statement {
        network: NETWORK,
        body: event(),
        author: Author::Ed25519(neutral_point),
    };
    let mut signature = [0; 64];
    signature[0] = 1;
    assert!(decode_and_verify(&statement.encode_signed(&signature)).is_ok());

    let strict = crate::identity::PublicKey::from_bytes(Algorithm::EdDsa, &neutral_point);
    let message = tagged(SIGNATURE_TAG, &statement.encode());
    assert!(!strict.is_ok_and(|key| key.verify(&message, &signature).is_ok()));
}

#[test]
fn the_id_does_not_depend_on_the_signature() {
    let key = SigningKey::from_secret(Algorithm::Es256, &[8; 32]).unwrap();
    let (one, other) = (
        Record::sign(NETWORK, event(), &key),
        Record::sign(NETWORK, event(), &key),
    );
    assert_ne!(one.as_bytes(), other.as_bytes());
    assert_eq!(one.id(), other.id());
    assert_ne!(one.id(), Record::sign(NETWORK, event(), &self::key()).id());
}

#[test]
fn neg_l04_no_place_of_a_record_takes_text_or_anything_but_its_own_kind_of_value() {
    let strangers: Vec<Item> = [
        b"\x66Taro  ".as_slice(),
        b"\x60",
        b"\x20",
        b"\xa0",
        b"\xc1\x00",
        b"\xf4",
        b"\xf6",
        b"\xf7",
        b"\xf9\x00\x00",
        b"\xfb\x00\x00\x00\x00\x00\x00\x00\x00",
        b"\x80",
        b"\x40",
        b"\x9f\xff",
        b"\x5f\xff",
    ]
    .into_iter()
    .map(|raw| Item::Raw(raw.to_vec()))
    .collect();
    for record in records().1 {
        let changes = tree(record.as_bytes()).changed(&|place| match place {
            Item::List(items) if is_of_any_length(items) => Vec::new(),
            Item::Number(_) | Item::Bytes(_) | Item::List(_) | Item::Raw(_) => strangers.clone(),
        });
        assert!(changes.len() > 100);
        for changed in changes {
            let decoded = UnverifiedRecord::decode(&changed.encode());
            assert_eq!(decoded, Err(RecordError::Malformed), "{changed:?}");
        }
    }
}

#[test]
fn neg_l04_no_byte_string_takes_more_or_fewer_bytes_and_no_list_more_or_fewer_items() {
    for record in records().1 {
        let changes = tree(record.as_bytes()).changed(&|place| match place {
            Item::List(items) if is_of_any_length(items) => Vec::new(),
            Item::List(items) => {
                let longer = [items.as_slice(), &[Item::Number(0)]].concat();
                let shorter = items[..items.len() - 1].to_vec();
                vec![Item::List(longer), Item::List(shorter)]
            }
            Item::Bytes(bytes) => {
                let longer = [bytes.as_slice(), b"!"].concat();
                let shorter = bytes[1..].to_vec();
                vec![Item::Bytes(longer), Item::Bytes(shorter)]
            }
            Item::Number(_) | Item::Raw(_) => Vec::new(),
        });
        for changed in changes {
            let decoded = UnverifiedRecord::decode(&changed.encode());
            assert_eq!(decoded, Err(RecordError::Malformed), "{changed:?}");
        }
    }
}

#[test]
fn neg_l04_a_number_or_length_in_a_longer_spelling_is_refused() {
    for record in records().1 {
        let changes = tree(record.as_bytes()).changed(&|place| match place {
            Item::Number(number) if *number < 24 => {
                let short = u8::try_from(*number).unwrap();
                let spellings: [&[u8]; 3] =
                    [&[0x18, short], &[0x19, 0, short], &[0x1a, 0, 0, 0, short]];
                spellings.map(|raw| Item::Raw(raw.to_vec())).to_vec()
            }
            Item::Bytes(bytes) => {
                let length = u8::try_from(bytes.len()).unwrap();
                let head: [&[u8]; 2] = [&[0x59, 0, length], &[0x5a, 0, 0, 0, length]];
                head.map(|head| Item::Raw([head, bytes].concat())).to_vec()
            }
            Item::Number(_) | Item::List(_) | Item::Raw(_) => Vec::new(),
        });
        for changed in changes {
            let decoded = UnverifiedRecord::decode(&changed.encode());
            let refused = matches!(
                decoded,
                Err(RecordError::NotCanonical | RecordError::Malformed)
            );
            assert!(refused, "{changed:?}");
        }
    }
}

#[test]
fn neg_l04_trailing_bytes_and_truncation_are_refused() {
    for record in records().1 {
        let bytes = record.as_bytes();
        assert!(UnverifiedRecord::decode(&[bytes, b"\0"].concat()).is_err());
        for length in 0..bytes.len() {
            assert!(UnverifiedRecord::decode(&bytes[..length]).is_err());
        }
    }
}

#[test]
fn neg_l04_a_record_over_the_size_limit_is_refused_before_it_is_read() {
    let at_limit = vec![0; RECORD_BYTES_MAX];
    assert_eq!(
        UnverifiedRecord::decode(&at_limit),
        Err(RecordError::Malformed)
    );
    let above = vec![0; RECORD_BYTES_MAX + 1];
    assert_eq!(UnverifiedRecord::decode(&above), Err(RecordError::TooLong));
}

#[test]
fn neg_l04_only_a_proposal_may_be_longer_than_other_records() {
    let designation = records().1.into_iter().find_map(|record| {
        let Body::Designation(designation) = record.body() else {
            return None;
        };
        Some(designation.clone())
    });
    let mut member = crate::registry::vectors::genesis().parties().members()[0].clone();
    let long = "a".repeat(ORDINARY_RECORD_BYTES_MAX);
    member.url = format!("https://{long}.example").try_into().unwrap();
    let proposal = Body::Proposal(Box::new(Proposal {
        activation_height: 0,
        expires: designation.unwrap().expires,
        change: crate::registry::governance::Change::UpdateMember { member },
    }));
    let record = Record::sign(NETWORK, proposal, &key());
    assert!(record.as_bytes().len() > ORDINARY_RECORD_BYTES_MAX);
    assert_eq!(decode_and_verify(record.as_bytes()), Ok(record));

    let event = |n: u32| CaseEvent {
        case: CaseId::from_bytes([1; 16]),
        sequence: u32::MAX - n,
        code: u16::MAX,
        definition: u32::MAX,
        commitment: Commitment::from_bytes([2; 32]),
    };
    let group = CaseEventGroup::of((0..64).map(event).collect()).unwrap();
    let record = Record::sign(NETWORK, Body::CaseEventGroup(group), &key());
    assert!(record.as_bytes().len() > ORDINARY_RECORD_BYTES_MAX);
    assert_eq!(
        decode_and_verify(record.as_bytes()),
        Err(RecordError::TooLong)
    );
}

#[test]
fn a_group_has_one_to_sixty_four_events_and_its_root_is_signed() {
    let event = |n: u32| CaseEvent {
        case: CaseId::from_bytes([1; 16]),
        sequence: n,
        code: 2,
        definition: 1,
        commitment: Commitment::from_bytes([2; 32]),
    };
    let events = |count: u32| (0..count).map(event).collect::<Vec<_>>();
    assert_eq!(CaseEventGroup::of(events(0)), Err(GroupSizeError));
    assert_eq!(CaseEventGroup::of(events(65)), Err(GroupSizeError));
    for count in [1, 2, 23, 24, 64] {
        let group = CaseEventGroup::of(events(count)).unwrap();
        let record = Record::sign(NETWORK, Body::CaseEventGroup(group.clone()), &key());
        assert_eq!(decode_and_verify(record.as_bytes()), Ok(record.clone()));
        // Other events under the same signature are not what was signed.
        let mut others = events(count);
        others[0].code = 3;
        let forged = Statement {
            body: Body::CaseEventGroup(CaseEventGroup::of(others).unwrap()),
            ..record.statement.clone()
        };
        let signature = key().sign(&tagged(SIGNATURE_TAG, &record.statement.encode()));
        let refused = decode_and_verify(&forged.encode_signed(&signature));
        assert_eq!(refused, Err(RecordError::Signature));
    }
}

#[test]
fn as_many_events_as_a_group_may_have_fit_into_a_record_if_the_ledger_can_take_them() {
    // A case has at most 64 steps, each once, and there are at most 256 process definitions.
    let event = |n: u8| CaseEvent {
        case: CaseId::from_bytes([n; 16]),
        sequence: 63,
        code: u16::MAX,
        definition: 256,
        commitment: Commitment::from_bytes([2; 32]),
    };
    let group = CaseEventGroup::of((0..64).map(event).collect()).unwrap();
    let record = Record::sign(NETWORK, Body::CaseEventGroup(group), &key());
    assert!(record.as_bytes().len() <= ORDINARY_RECORD_BYTES_MAX);
    assert_eq!(decode_and_verify(record.as_bytes()), Ok(record));
}

#[test]
fn the_largest_record_is_within_the_size_limit() {
    let (_network, records) = records();
    let mut designations = records.iter().filter_map(|record| {
        let Body::Designation(designation) = record.body() else {
            return None;
        };
        Some(designation.clone())
    });
    let mut designation = designations.next().unwrap();
    let depth = usize::from(super::super::anchor::BATCH_DEPTH_MAX);
    designation.anchor.path = vec![TreeHash::EMPTY; depth];
    let key = SigningKey::from_secret(Algorithm::Es256, &[8; 32]).unwrap();
    let record = Record::sign(NETWORK, Body::Designation(designation.clone()), &key);
    assert_eq!(decode_and_verify(record.as_bytes()), Ok(record));

    designation.anchor.path.push(TreeHash::EMPTY);
    let record = Record::sign(NETWORK, Body::Designation(designation), &key);
    assert_eq!(
        decode_and_verify(record.as_bytes()),
        Err(RecordError::Malformed)
    );
}

#[test]
fn a_p256_signature_in_its_other_form_makes_the_same_record_id() {
    let (network, records) = records();
    let record = records
        .iter()
        .find(|record| matches!(record.author(), Author::P256(_)))
        .unwrap();
    let bytes = record.as_bytes();
    let (head, s) = bytes.split_at(bytes.len() - 32);
    let negated = negate_modulo_p256_order(s.try_into().unwrap());
    let other = UnverifiedRecord::decode(&[head, &negated].concat()).unwrap();
    let other = other.verify(&network).unwrap();
    assert_ne!(other.as_bytes(), bytes);
    assert_eq!(other.id(), record.id());
}

fn negate_modulo_p256_order(s: [u8; 32]) -> [u8; 32] {
    let order: [u8; 32] =
        hex_array("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    let mut difference = [0; 32];
    let mut borrow = 0_i16;
    for at in (0..32).rev() {
        let digit = i16::from(order[at]) - i16::from(s[at]) - borrow;
        borrow = i16::from(digit < 0);
        difference[at] = u8::try_from(digit.rem_euclid(256)).unwrap();
    }
    difference
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic_and_what_it_reads_it_would_write(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(record) = UnverifiedRecord::decode(&bytes) {
            prop_assert_eq!(record.statement.encode_signed(&record.signature), bytes);
        }
    }

    #[test]
    fn a_mangled_record_never_verifies(at in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let good = Record::sign(NETWORK, event(), &key());
        let mut bytes = good.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(cut.index(bytes.len()) + 1);
        if bytes != good.as_bytes() {
            prop_assert!(decode_and_verify(&bytes).is_err());
        }
    }
}
