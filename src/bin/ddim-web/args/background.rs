//! What shows through the transparent parts of pictures.

use std::fmt;
use std::str::FromStr;

/// Red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(pub [u8; 3]);

impl Colour {
    /// Whether all three are alike.
    pub fn is_grey(self) -> bool {
        let [red, green, blue] = self.0;
        red == green && green == blue
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [255, 255, 255] => f.write_str("white"),
            [0, 0, 0] => f.write_str("black"),
            [red, green, blue] => write!(f, "#{red:02x}{green:02x}{blue:02x}"),
        }
    }
}

impl FromStr for Colour {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix('#').unwrap_or(text);
        match text {
            "white" => Ok(Self([255; 3])),
            "black" => Ok(Self([0; 3])),
            _ if digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()) => {
                let number = u32::from_str_radix(digits, 16).unwrap_or_default();
                let [_, red, green, blue] = number.to_be_bytes();
                Ok(Self([red, green, blue]))
            }
            _ => Err("expected white, black or six hexadecimal digits such as ff8800".into()),
        }
    }
}

/// Arguments of the subcommands that read pictures.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Background {
    /// What shows through transparent pictures: white, black or six hexadecimal digits (red, green, blue)
    #[arg(long, value_name = "COLOUR", default_value_t = Colour([255; 3]))]
    pub background: Colour,
}
