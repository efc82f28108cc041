//! People who do not exist, with names in kanji, kana and romaji and a Japanese address. The same seed gives the same
//! person.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::licence;

const FAMILY_NAMES: [[&str; 3]; 12] = [
    ["小笠原", "オガサワラ", "OGASAWARA"],
    ["長谷川", "ハセガワ", "HASEGAWA"],
    ["五十嵐", "イガラシ", "IGARASHI"],
    ["東海林", "ショウジ", "SHOUJI"],
    ["宇都宮", "ウツノミヤ", "UTSUNOMIYA"],
    ["大河内", "オオコウチ", "OKOUCHI"],
    ["勅使河原", "テシガワラ", "TESHIGAWARA"],
    ["小早川", "コバヤカワ", "KOBAYAKAWA"],
    ["一ノ瀬", "イチノセ", "ICHINOSE"],
    ["久保田", "クボタ", "KUBOTA"],
    ["武者小路", "ムシャノコウジ", "MUSHANOKOJI"],
    ["曽我部", "ソガベ", "SOGABE"],
];

const GIVEN_NAMES: [[&str; 3]; 12] = [
    ["千代子", "チヨコ", "CHIYOKO"],
    ["美智子", "ミチコ", "MICHIKO"],
    ["龍之介", "リュウノスケ", "RYUNOSUKE"],
    ["虎次郎", "トラジロウ", "TORAJIRO"],
    ["多恵子", "タエコ", "TAEKO"],
    ["誠一郎", "セイイチロウ", "SEIICHIRO"],
    ["百合子", "ユリコ", "YURIKO"],
    ["喜久雄", "キクオ", "KIKUO"],
    ["小百合", "サユリ", "SAYURI"],
    ["健太郎", "ケンタロウ", "KENTARO"],
    ["珠美礼", "スミレ", "SUMIRE"],
    ["恭之進", "キョウノシン", "KYONOSHIN"],
];

/// Postal code, region, locality, street without its numbers.
const PLACES: [[&str; 4]; 8] = [
    [
        "600-8216",
        "京都府",
        "京都市下京区",
        "東塩小路町烏丸通七条下る",
    ],
    [
        "604-8571",
        "京都府",
        "京都市中京区",
        "寺町通御池上る上本能寺前町",
    ],
    ["920-0962", "石川県", "金沢市", "広坂一丁目"],
    ["850-0862", "長崎県", "長崎市", "出島町"],
    ["060-0042", "北海道", "札幌市中央区", "大通西十一丁目"],
    ["103-0026", "東京都", "中央区", "日本橋兜町"],
    ["541-0041", "大阪府", "大阪市中央区", "北浜一丁目"],
    ["810-0001", "福岡県", "福岡市中央区", "天神二丁目"],
];

const OCCUPATIONS: [&str; 5] = [
    "会社員（和紙製造）",
    "中学校教諭（理科）",
    "自営業（珈琲焙煎）",
    "看護師（助産）",
    "建具職人",
];

/// A name in the three writings of a Japanese form.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    /// Kanji.
    pub kanji: &'static str,
    /// Katakana.
    pub kana: &'static str,
    /// Latin letters.
    pub latin: &'static str,
}

/// A synthetic applicant.
#[derive(Clone, Debug)]
pub struct Person {
    /// Family name.
    pub family_name: Name,
    /// Given name.
    pub given_name: Name,
    /// `YYYY-MM-DD`; between 1960 and 1999.
    pub birthdate: String,
    /// Postal code.
    pub postal_code: &'static str,
    /// Prefecture.
    pub region: &'static str,
    /// City and ward.
    pub locality: &'static str,
    /// Street, number and room.
    pub street_address: String,
    /// Occupation.
    pub occupation: &'static str,
    /// Number on the licence.
    pub licence_number: String,
    /// Last day of the licence.
    pub licence_expiry: String,
}

impl Person {
    /// The person of a seed.
    pub fn from_seed(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let family_name = name(pick(&mut rng, &FAMILY_NAMES));
        let given_name = name(pick(&mut rng, &GIVEN_NAMES));
        let [postal_code, region, locality, street] = *pick(&mut rng, &PLACES);
        Self {
            family_name,
            given_name,
            birthdate: date(&mut rng, 1960..=1999),
            postal_code,
            region,
            locality,
            street_address: format!(
                "{street}{}番{}号 手形荘{}号室",
                number(&mut rng, 1..=89),
                number(&mut rng, 1..=29),
                number(&mut rng, 101..=909)
            ),
            occupation: *pick::<&str>(&mut rng, &OCCUPATIONS),
            licence_number: format!("{:012}", rng.next_u64() % 1_000_000_000_000),
            licence_expiry: date(&mut rng, 2029..=2031),
        }
    }

    /// Family and given name in kanji.
    pub fn full_name(&self) -> String {
        format!("{} {}", self.family_name.kanji, self.given_name.kanji)
    }

    /// Family and given name in Latin letters.
    pub fn full_name_latin(&self) -> String {
        format!("{} {}", self.family_name.latin, self.given_name.latin)
    }

    /// The filled-in form of an application to the consortium.
    pub fn form(&self) -> Value {
        json!({
            "family_name": self.family_name.kanji,
            "given_name": self.given_name.kanji,
            "family_name#ja-Kana-JP": self.family_name.kana,
            "given_name#ja-Kana-JP": self.given_name.kana,
            "family_name#ja-Latn-JP": self.family_name.latin,
            "given_name#ja-Latn-JP": self.given_name.latin,
            "birthdate": self.birthdate,
            "address": {
                "country": "JP",
                "postal_code": self.postal_code,
                "region": self.region,
                "locality": self.locality,
                "street_address": self.street_address,
            },
            "nationalities": ["JP"],
            "occupation": self.occupation,
            "identity_document": {"type": "driving_permit", "date_of_expiry": self.licence_expiry},
        })
    }

    /// The picture of the person's licence, as PNG.
    pub fn licence_png(&self) -> anyhow::Result<Vec<u8>> {
        licence::draw(self)
    }

    /// What must stand on no disk but the person's and those the person chose.
    pub fn secrets(&self) -> Vec<String> {
        let whole = [
            self.full_name(),
            self.full_name_latin(),
            format!("{} {}", self.family_name.kana, self.given_name.kana),
            self.birthdate.clone(),
            self.postal_code.to_owned(),
            self.street_address.clone(),
            self.occupation.to_owned(),
            self.licence_number.clone(),
        ];
        let names = [self.family_name, self.given_name];
        let parts = names
            .into_iter()
            .flat_map(|name| [name.kanji, name.kana, name.latin])
            .map(str::to_owned);
        whole.into_iter().chain(parts).collect()
    }
}

fn name([kanji, kana, latin]: &[&'static str; 3]) -> Name {
    Name { kanji, kana, latin }
}

fn pick<'a, T>(rng: &mut ChaCha20Rng, from: &'a [T]) -> &'a T {
    let index = usize::try_from(rng.next_u64() % from.len() as u64).expect("smaller than a length");
    from.get(index).expect("an index below the length")
}

fn number(rng: &mut ChaCha20Rng, range: std::ops::RangeInclusive<u64>) -> u64 {
    range.start() + rng.next_u64() % (range.end() - range.start() + 1)
}

fn date(rng: &mut ChaCha20Rng, years: std::ops::RangeInclusive<u64>) -> String {
    let (year, month, day) = (number(rng, years), number(rng, 1..=12), number(rng, 1..=28));
    format!("{year}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_person_and_another_seed_another() {
        let secrets = |seed| Person::from_seed(seed).secrets();
        assert_eq!(secrets(1), secrets(1));
        assert_ne!(secrets(1), secrets(2));
    }

    #[test]
    fn no_secret_is_so_short_that_chance_could_write_it() {
        for seed in 0..200 {
            for secret in Person::from_seed(seed).secrets() {
                assert!(secret.len() >= 5, "{secret}");
            }
        }
    }
}
