use super::*;
use crate::registry::NetworkId;
use crate::registry::vectors::{
    flipped, flipped_texts, genesis, hashes, list, number, read, records, text,
};

/// The record at index 1 of a ledger of seven, and its receipt.
fn sample() -> (Record, String) {
    let vectors = read("receipts");
    let receipt = list(&vectors, "receipts").iter();
    let receipt = receipt
        .filter(|receipt| number(receipt, "size") == 7)
        .find(|receipt| number(receipt, "index") == 3)
        .unwrap();
    (records().1[3].clone(), text(receipt, "receipt").to_owned())
}

fn verify(text: &str, record: &[u8]) -> Result<VerifiedEntry, ReceiptError> {
    verify_receipt(text, record, genesis().committees())
}

#[test]
fn receipts_of_the_vectors_verify_offline() {
    let (_network, records) = records();
    for vector in list(&read("receipts"), "receipts") {
        let index = number(vector, "index");
        let record = &records[usize::try_from(index).unwrap()];
        let entry = verify(text(vector, "receipt"), record.as_bytes()).unwrap();
        assert_eq!(entry.index(), index);
        assert_eq!(entry.record(), record);
        assert_eq!(entry.checkpoint().size(), number(vector, "size"));
    }
}

#[test]
fn receipts_are_written_as_the_vectors_say() {
    for vector in list(&read("receipts"), "receipts") {
        let receipt = text(vector, "receipt");
        let (proof, checkpoint) = receipt.split_once("\n\n").unwrap();
        let path: Vec<&str> = proof.lines().skip(2).collect();
        let path = hashes(&serde_json::to_value(path).unwrap());
        let written = write_receipt(number(vector, "index"), &path, checkpoint);
        assert_eq!(written, receipt);
    }
}

#[test]
fn every_byte_of_a_receipt_flipped_is_refused() {
    let (record, receipt) = sample();
    assert!(verify(&receipt, record.as_bytes()).is_ok());
    for (at, changed) in flipped_texts(&receipt) {
        assert!(verify(&changed, record.as_bytes()).is_err(), "byte {at}");
    }
}

#[test]
fn every_byte_of_the_record_flipped_is_refused() {
    let (record, receipt) = sample();
    for (at, changed) in flipped(record.as_bytes()) {
        assert!(verify(&receipt, &changed).is_err(), "byte {at}");
    }
}

#[test]
fn neg_l06_a_receipt_of_another_record_is_refused() {
    let (record, receipt) = sample();
    for other in records().1 {
        let verified = verify(&receipt, other.as_bytes());
        assert_eq!(verified.is_ok(), other == record);
    }
}

#[test]
fn neg_l06_a_receipt_cut_short_or_extended_is_refused() {
    let (record, receipt) = sample();
    for length in (0..receipt.len()).filter(|&at| receipt.is_char_boundary(at)) {
        assert!(verify(&receipt[..length], record.as_bytes()).is_err());
    }
    assert!(verify(&format!("{receipt}\n"), record.as_bytes()).is_err());
    let longer = receipt.replacen(
        "\n\n",
        "\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n",
        1,
    );
    assert!(verify(&longer, record.as_bytes()).is_err());
}

#[test]
fn neg_l06_proof_texts_in_another_form_are_refused() {
    let (record, receipt) = sample();
    let changes = [
        ("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"),
        ("index 3", "index 03"),
        ("index 3", "index +3"),
        ("index 3", "index -3"),
        ("index 3", "index 18446744073709551619"),
        ("index 3\n", ""),
        ("index 3\n", "index 3\r\n"),
        ("index 3\n", "extra !\nindex 3\n"),
        ("index 3\n", "index 3\nextra AAAA\n"),
        ("index 3\n", "extra AAAA\nextra AAAA\nindex 3\n"),
        ("=\n\n", "= \n\n"),
        ("=\n\n", "\n\n"),
    ];
    for (from, to) in changes {
        let changed = receipt.replacen(from, to, 1);
        assert_ne!(changed, receipt);
        let verified = verify(&changed, record.as_bytes());
        assert_eq!(verified, Err(ReceiptError::Malformed), "{to}");
    }
}

#[test]
fn extra_data_is_read_past_within_bounds() {
    let (record, receipt) = sample();
    let with = |extra: &str| receipt.replacen("index", &format!("extra {extra}\nindex"), 1);
    assert!(verify(&with("AAAA"), record.as_bytes()).is_ok());
    let largest = "A".repeat(EXTRA_CHARACTERS_MAX);
    assert!(verify(&with(&largest), record.as_bytes()).is_ok());
    let refused = verify(&with(&format!("{largest}AAAA")), record.as_bytes());
    assert_eq!(refused, Err(ReceiptError::Malformed));
    let endless = verify(&" ".repeat(RECEIPT_BYTES_MAX + 1), record.as_bytes());
    assert_eq!(endless, Err(ReceiptError::TooLong));
}

#[test]
fn a_receipt_of_another_network_is_refused() {
    let (record, receipt) = sample();
    let file = crate::registry::vectors::file("genesis.json").replace("Vectors", "Another");
    let other = crate::registry::Genesis::parse(file.as_bytes()).unwrap();
    let refused = verify_receipt(&receipt, record.as_bytes(), other.committees());
    assert_eq!(
        refused,
        Err(ReceiptError::Record(RecordError::WrongNetwork))
    );
    assert_ne!(other.network(), NetworkId::from_bytes([0; 32]));
}
