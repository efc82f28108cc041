//! A picture that looks like a licence from afar: a card with a portrait, coloured bars and Latin capitals.

use std::io::Cursor;

use anyhow::Context;
use image::{ImageFormat, Rgb, RgbImage};

use super::Person;

const WIDTH: u32 = 480;
const HEIGHT: u32 = 300;
const PAPER: Rgb<u8> = Rgb([244, 239, 226]);
const INK: Rgb<u8> = Rgb([38, 42, 52]);
const BLUE: Rgb<u8> = Rgb([76, 121, 178]);
const GOLD: Rgb<u8> = Rgb([205, 165, 74]);
const SKIN: Rgb<u8> = Rgb([224, 186, 150]);
const GREY: Rgb<u8> = Rgb([198, 204, 210]);

/// Draws the licence of a person.
pub(super) fn draw(person: &Person) -> anyhow::Result<Vec<u8>> {
    let mut card = RgbImage::from_fn(WIDTH, HEIGHT, guilloche);
    rectangle(&mut card, (14, 14), (452, 34), BLUE);
    text(&mut card, (22, 22), 3, "DRIVING LICENCE");
    portrait(&mut card);
    rectangle(&mut card, (14, 196), (290, 28), GOLD);
    text(&mut card, (22, 64), 2, &person.full_name_latin());
    text(
        &mut card,
        (22, 94),
        2,
        &format!("BORN {}", person.birthdate),
    );
    text(
        &mut card,
        (22, 124),
        2,
        &format!("POST {}", person.postal_code),
    );
    text(
        &mut card,
        (22, 203),
        2,
        &format!("UNTIL {}", person.licence_expiry),
    );
    text(
        &mut card,
        (22, 248),
        3,
        &format!("NO {}", person.licence_number),
    );
    let mut png = Cursor::new(Vec::new());
    card.write_to(&mut png, ImageFormat::Png)
        .context("writing a PNG")?;
    Ok(png.into_inner())
}

/// A background of fine waves.
fn guilloche(x: u32, y: u32) -> Rgb<u8> {
    let wave = (x * x / 97 + y * y / 61 + x * y / 53) % 24;
    if wave < 2 {
        Rgb([226, 218, 200])
    } else {
        PAPER
    }
}

fn portrait(card: &mut RgbImage) {
    rectangle(card, (330, 64), (132, 168), GREY);
    for (x, y, pixel) in card.enumerate_pixels_mut() {
        let distance = |centre: (i64, i64), stretch: i64| {
            let (dx, dy) = (i64::from(x) - centre.0, i64::from(y) - centre.1);
            dx * dx + dy * dy * 100 / stretch
        };
        if y < 232 && distance((396, 250), 60) < 58 * 58 {
            *pixel = INK;
        }
        if distance((396, 132), 130) < 33 * 33 {
            *pixel = if y < 112 { INK } else { SKIN };
        }
    }
}

fn rectangle(
    card: &mut RgbImage,
    (left, top): (u32, u32),
    (width, height): (u32, u32),
    colour: Rgb<u8>,
) {
    for y in top..top + height {
        for x in left..left + width {
            set(card, x, y, colour);
        }
    }
}

fn text(card: &mut RgbImage, (left, top): (u32, u32), scale: u32, text: &str) {
    let mut x = left;
    for character in text.chars() {
        for (row, bits) in (0u32..).zip(glyph(character)) {
            for column in (0..5u32).filter(|column| bits >> (4 - column) & 1 == 1) {
                rectangle(
                    card,
                    (x + column * scale, top + row * scale),
                    (scale, scale),
                    INK,
                );
            }
        }
        x += 6 * scale;
    }
}

fn set(card: &mut RgbImage, x: u32, y: u32, colour: Rgb<u8>) {
    if let Some(pixel) = card.get_pixel_mut_checked(x, y) {
        *pixel = colour;
    }
}

/// Five columns in each of seven rows.
const fn glyph(character: char) -> [u8; 7] {
    match character {
        'A' => [14, 17, 17, 31, 17, 17, 17],
        'B' => [30, 17, 17, 30, 17, 17, 30],
        'C' => [14, 17, 16, 16, 16, 17, 14],
        'D' => [30, 17, 17, 17, 17, 17, 30],
        'E' => [31, 16, 16, 30, 16, 16, 31],
        'F' => [31, 16, 16, 30, 16, 16, 16],
        'G' => [14, 17, 16, 23, 17, 17, 15],
        'H' => [17, 17, 17, 31, 17, 17, 17],
        'I' => [14, 4, 4, 4, 4, 4, 14],
        'J' => [7, 2, 2, 2, 2, 18, 12],
        'K' => [17, 18, 20, 24, 20, 18, 17],
        'L' => [16, 16, 16, 16, 16, 16, 31],
        'M' => [17, 27, 21, 21, 17, 17, 17],
        'N' => [17, 25, 21, 19, 17, 17, 17],
        'O' => [14, 17, 17, 17, 17, 17, 14],
        'P' => [30, 17, 17, 30, 16, 16, 16],
        'Q' => [14, 17, 17, 17, 21, 18, 13],
        'R' => [30, 17, 17, 30, 20, 18, 17],
        'S' => [15, 16, 16, 14, 1, 1, 30],
        'T' => [31, 4, 4, 4, 4, 4, 4],
        'U' => [17, 17, 17, 17, 17, 17, 14],
        'V' => [17, 17, 17, 17, 17, 10, 4],
        'W' => [17, 17, 17, 21, 21, 27, 17],
        'X' => [17, 17, 10, 4, 10, 17, 17],
        'Y' => [17, 17, 10, 4, 4, 4, 4],
        'Z' => [31, 1, 2, 4, 8, 16, 31],
        '0' => [14, 17, 19, 21, 25, 17, 14],
        '1' => [4, 12, 4, 4, 4, 4, 14],
        '2' => [14, 17, 1, 6, 8, 16, 31],
        '3' => [14, 17, 1, 6, 1, 17, 14],
        '4' => [2, 6, 10, 18, 31, 2, 2],
        '5' => [31, 16, 30, 1, 1, 17, 14],
        '6' => [6, 8, 16, 30, 17, 17, 14],
        '7' => [31, 1, 2, 4, 8, 8, 8],
        '8' => [14, 17, 17, 14, 17, 17, 14],
        '9' => [14, 17, 17, 15, 1, 2, 12],
        '-' => [0, 0, 0, 14, 0, 0, 0],
        _ => [0; 7],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_is_a_modest_png_that_differs_between_people() {
        let first = draw(&Person::from_seed(1)).unwrap();
        let second = draw(&Person::from_seed(2)).unwrap();
        assert!(first.starts_with(b"\x89PNG\r\n\x1a\n"));
        assert!(first.len() < 256 * 1024, "{} bytes", first.len());
        assert_ne!(first, second);
        assert_eq!(first, draw(&Person::from_seed(1)).unwrap());
    }
}
