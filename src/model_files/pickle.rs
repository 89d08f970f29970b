//! Pickles, as far as PyTorch writes tensors in them.
//!
//! A pickle is a program for a machine with a stack, and Python's own reader runs whatever function it names. This one
//! knows the handful of functions that make tensors and dictionaries, makes those itself, and refuses every other by
//! its name. Values live in one list and refer to each other by number, so that neither depth nor loops nor a value
//! that is used a million times cost anything.
//!
//! The opcodes are those of Python's `pickletools`, protocols 2 to 5.

mod machine;

use crate::json::brief;

/// Most values of one pickle. A network of 1,000 tensors, with the state of its optimiser, has about 60,000.
const MOST: usize = 1 << 17;

/// Why a pickle was refused. One line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PickleError {
    /// It names something that makes no tensor. Nothing of it was run.
    #[error(
        "data.pkl: names {0}, which is no tensor; nothing of it was run: save the state_dict alone, with safetensors"
    )]
    Foreign(String),
    /// An opcode that tensors do not need.
    #[error("data.pkl: opcode {0:#04x}, which no dictionary of tensors needs; nothing was run")]
    Opcode(u8),
    /// The bytes end early, or the stack does not hold what an opcode takes.
    #[error("data.pkl: truncated or damaged at byte {0}")]
    Damaged(usize),
    /// More values than any network has.
    #[error("data.pkl: more than {MOST} values")]
    TooMany,
}

/// A value's number.
pub type Id = u32;

/// What stands in a pickle.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// None, True, False, a number that is no integer: nothing that a tensor needs.
    Other,
    /// An integer.
    Int(i64),
    /// A text, as its bytes.
    Text(&'a [u8]),
    /// A tuple or a list.
    List(Vec<Id>),
    /// A dictionary, in its order.
    Dict(Vec<(Id, Id)>),
    /// A function or a class, `module.name`.
    Global(Global),
    /// Where numbers are kept.
    Storage {
        /// The type of its elements, as PyTorch calls the class.
        class: StorageClass,
        /// Name of the file that has them.
        key: Id,
    },
    /// A view of a storage.
    Tensor {
        /// The storage.
        storage: Id,
        /// Where it begins there, in elements.
        offset: i64,
        /// Its sides: a list of integers.
        size: Id,
        /// Elements from one to the next along each side.
        stride: Id,
    },
}

/// The names that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Global {
    /// `collections.OrderedDict`.
    OrderedDict,
    /// `torch._utils._rebuild_tensor_v2`.
    Tensor,
    /// `torch._utils._rebuild_parameter`.
    Parameter,
    /// `torch.Size`.
    Size,
    /// `torch.FloatStorage` and its like.
    Storage(StorageClass),
}

/// Types of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageClass {
    /// f32.
    Float,
    /// f16.
    Half,
    /// bf16.
    BFloat16,
    /// f64.
    Double,
    /// i64.
    Long,
    /// i32.
    Int,
    /// Bytes.
    Byte,
    /// Booleans.
    Bool,
}

fn global(module: &[u8], name: &[u8]) -> Result<Global, PickleError> {
    use StorageClass as S;
    Ok(match (module, name) {
        (b"collections", b"OrderedDict") => Global::OrderedDict,
        (b"torch._utils", b"_rebuild_tensor_v2") => Global::Tensor,
        (b"torch._utils", b"_rebuild_parameter") => Global::Parameter,
        (b"torch", b"Size") => Global::Size,
        (b"torch", b"FloatStorage") => Global::Storage(S::Float),
        (b"torch", b"HalfStorage") => Global::Storage(S::Half),
        (b"torch", b"BFloat16Storage") => Global::Storage(S::BFloat16),
        (b"torch", b"DoubleStorage") => Global::Storage(S::Double),
        (b"torch", b"LongStorage") => Global::Storage(S::Long),
        (b"torch", b"IntStorage") => Global::Storage(S::Int),
        (b"torch", b"ByteStorage") => Global::Storage(S::Byte),
        (b"torch", b"BoolStorage") => Global::Storage(S::Bool),
        _ => {
            let text = |bytes| brief(&String::from_utf8_lossy(bytes));
            return Err(PickleError::Foreign(format!(
                "{}.{}",
                text(module),
                text(name)
            )));
        }
    })
}

/// All values of a pickle.
#[derive(Debug)]
pub struct Pickle<'a> {
    values: Vec<Value<'a>>,
    /// The value that the pickle is.
    pub root: Id,
}

impl<'a> Pickle<'a> {
    /// Reads the pickle in `bytes`.
    ///
    /// # Errors
    /// [`PickleError`] for anything but dictionaries, lists, tensors and plain values.
    pub fn read(bytes: &'a [u8]) -> Result<Self, PickleError> {
        let (values, root) = machine::run(bytes)?;
        Ok(Self { values, root })
    }

    /// The value of a number.
    pub fn value(&self, id: Id) -> &Value<'a> {
        // Every number was given out for a value of the list.
        &self.values[id as usize]
    }

    /// The integers of a list.
    pub fn integers(&self, id: Id) -> Option<Vec<usize>> {
        let Value::List(list) = self.value(id) else {
            return None;
        };
        list.iter()
            .map(|id| match self.value(*id) {
                Value::Int(value) => usize::try_from(*value).ok(),
                _ => None,
            })
            .collect()
    }

    /// The text of a value.
    pub fn text(&self, id: Id) -> Option<&'a str> {
        match self.value(id) {
            Value::Text(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }
}
