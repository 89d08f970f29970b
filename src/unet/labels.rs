//! `class_labels.json`: what the classes of a conditional network are called.
//!
//! The only place that knows that JSON: `label2id`, an object from names to classes, and `null_class_id`, the class that
//! stands for none (Ho & Salimans 2022), or null. A list of names, and an object from all classes to names, are read too.
//! It lies beside `config.json`.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::json::{self, FieldError, Fields};
use crate::schedule::quoted;

/// Name of the file.
pub const CLASS_LABELS: &str = "class_labels.json";

/// Most bytes of a name.
pub const MAX_NAME: usize = 100;

/// Most bytes of the list of names in a message.
const LISTED: usize = 300;

/// Why there are no such labels.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelsError {
    /// The text is not a JSON object.
    #[error("{CLASS_LABELS}: not a JSON object: {0}")]
    Json(String),
    /// A field says nothing that classes can be called by.
    #[error("{CLASS_LABELS}: {0}")]
    Field(#[from] FieldError),
    /// A name that no class can have.
    #[error("{CLASS_LABELS}: label2id: expected names of 1 to {MAX_NAME} bytes, found {found}")]
    Name {
        /// The name.
        found: String,
    },
    /// Two names of one class.
    #[error(
        "{CLASS_LABELS}: label2id: expected one name for class {class}, found {first} and {second}"
    )]
    Twice {
        /// The class.
        class: usize,
        /// A name.
        first: String,
        /// The other one.
        second: String,
    },
    /// Two classes of one name.
    #[error(
        "{CLASS_LABELS}: label2id: expected another name for every class, found {name} for {first} and {second}"
    )]
    Same {
        /// The name.
        name: String,
        /// A class.
        first: usize,
        /// The other one.
        second: usize,
    },
    /// A class that the network does not have.
    #[error(
        "{CLASS_LABELS}: {field}: expected classes from 0 to {last}, as many as num_class_embeds says, found {found}"
    )]
    Class {
        /// Where it stands.
        field: &'static str,
        /// The network's last class.
        last: usize,
        /// The class.
        found: usize,
    },
    /// A name or number that no class has.
    #[error("class: expected {expected}, found {found}")]
    Unknown {
        /// The names, or the numbers where there are none.
        expected: String,
        /// What was asked for.
        found: String,
    },
}

/// The names of a network's classes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClassLabels {
    names: BTreeMap<usize, String>,
    null_class: Option<usize>,
}

impl ClassLabels {
    /// Class `i` is called `names[i]`; `null_class` stands for none of them.
    ///
    /// # Errors
    /// [`LabelsError::Name`] for a name that is empty or too long, [`LabelsError::Same`] for one of two classes.
    pub fn new(names: Vec<String>, null_class: Option<usize>) -> Result<Self, LabelsError> {
        let mut known = BTreeMap::new();
        for (class, name) in names.iter().enumerate() {
            check_name(name)?;
            if let Some(first) = known.insert(name, class) {
                return Err(LabelsError::Same {
                    name: quoted(name),
                    first,
                    second: class,
                });
            }
        }
        // One by one: `collect` would bring a sort of its own into the page's packages.
        let mut numbered = BTreeMap::new();
        for (class, name) in names.into_iter().enumerate() {
            numbered.insert(class, name);
        }
        Ok(Self {
            names: numbered,
            null_class,
        })
    }

    /// Reads `class_labels.json`.
    ///
    /// # Errors
    /// [`LabelsError`] names the field, what was expected and what was found.
    pub fn from_json(text: &str) -> Result<Self, LabelsError> {
        let plain = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        if let Ok(names) = serde_json::from_str::<Vec<String>>(plain)
            && !names.is_empty()
        {
            return Self::new(names, None);
        }
        let object = json::object(text).map_err(LabelsError::Json)?;
        if let Some(names) = numbered(&object) {
            return Self::new(names, None);
        }
        let mut fields = Fields::new(&object);
        let classes = fields.read(
            "label2id",
            "an object from names to integers from 0 on",
            None,
            classes,
        )?;
        let null_class = fields.optional_integer("null_class_id", 0..=u64::from(u32::MAX))?;
        let mut names = BTreeMap::new();
        for (name, class) in classes {
            check_name(&name)?;
            if let Some(first) = names.insert(class, name.clone()) {
                return Err(LabelsError::Twice {
                    class,
                    first: quoted(&first),
                    second: quoted(&name),
                });
            }
        }
        Ok(Self { names, null_class })
    }

    /// Writes what [`Self::from_json`] reads, in the order of the classes.
    pub fn to_json(&self) -> String {
        let file = File {
            label2id: InOrder(&self.names),
            null_class_id: self.null_class,
        };
        serde_json::to_string_pretty(&file).unwrap_or_default() + "\n"
    }

    /// Checks that a network of `classes` classes has them all.
    ///
    /// # Errors
    /// [`LabelsError::Class`] names one that it does not have.
    pub fn check(&self, classes: usize) -> Result<(), LabelsError> {
        let last_named = self.names.last_key_value().map(|(class, _)| *class);
        for (field, found) in [("label2id", last_named), ("null_class_id", self.null_class)] {
            if let Some(found) = found.filter(|class| *class >= classes) {
                return Err(LabelsError::Class {
                    field,
                    last: classes.saturating_sub(1),
                    found,
                });
            }
        }
        Ok(())
    }

    /// The class that stands for none, where there is one.
    pub fn null_class(&self) -> Option<usize> {
        self.null_class
    }

    /// What `class` is called.
    pub fn name(&self, class: usize) -> Option<&str> {
        self.names.get(&class).map(String::as_str)
    }

    /// The class that is called `name`.
    pub fn class(&self, name: &str) -> Option<usize> {
        let found = self.names.iter().find(|(_, known)| *known == name);
        found.map(|(class, _)| *class)
    }

    /// All classes that have a name, in order, and that name.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &str)> {
        self.names
            .iter()
            .map(|(class, name)| (*class, name.as_str()))
    }

    /// The class of a network of `classes` classes that `text` means: its name, or its number.
    ///
    /// # Errors
    /// [`LabelsError::Unknown`] lists the names, as far as they fit into a line.
    pub fn find(&self, text: &str, classes: usize) -> Result<usize, LabelsError> {
        let number = || text.parse().ok().filter(|class| *class < classes);
        self.class(text)
            .or_else(number)
            .ok_or_else(|| LabelsError::Unknown {
                expected: self.listed(classes),
                found: quoted(text),
            })
    }

    /// What can be asked of a network of `classes` classes, in at most a few hundred bytes.
    pub fn listed(&self, classes: usize) -> String {
        let numbers = format!("a number from 0 to {}", classes.saturating_sub(1));
        if self.names.is_empty() {
            return numbers;
        }
        let mut list = String::new();
        for name in self.names.values() {
            if list.len() + name.len() > LISTED {
                list.push_str("…, ");
                break;
            }
            list.push_str(name);
            list.push_str(", ");
        }
        format!("{list}or {numbers}")
    }
}

/// The names in an object from every class, 0 to the last, to its name.
fn numbered(object: &Map<String, Value>) -> Option<Vec<String>> {
    let name = |class: usize| Some(object.get(&class.to_string())?.as_str()?.to_string());
    let names: Option<Vec<String>> = (0..object.len()).map(name).collect();
    names.filter(|names| !names.is_empty())
}

fn classes(value: &Value) -> Option<Vec<(String, usize)>> {
    let entry = |(name, class): (&String, &Value)| {
        let class = class.as_u64().and_then(|class| u32::try_from(class).ok())?;
        Some((name.clone(), class as usize))
    };
    value.as_object().map(Map::iter)?.map(entry).collect()
}

fn check_name(name: &str) -> Result<(), LabelsError> {
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(LabelsError::Name {
            found: quoted(name),
        });
    }
    Ok(())
}

/// The file as it is written.
#[derive(Serialize)]
struct File<'a> {
    label2id: InOrder<'a>,
    null_class_id: Option<usize>,
}

struct InOrder<'a>(&'a BTreeMap<usize, String>);

impl Serialize for InOrder<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(class, name)| (name, class)))
    }
}
