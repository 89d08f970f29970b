//! The machine that a pickle is a program for: a stack, marks in it, a memo, and the opcodes that tensors need.

use super::{Global, Id, MOST, PickleError, Value, global};
use crate::model_files::bytes::Bytes;

enum Fault {
    Damaged,
    Refused(PickleError),
}

impl From<PickleError> for Fault {
    fn from(error: PickleError) -> Self {
        Self::Refused(error)
    }
}

/// The value that needs no room of its own.
const OTHER: Id = 0;

struct Machine<'a> {
    input: Bytes<'a>,
    values: Vec<Value<'a>>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: Vec<(u32, Id)>,
}

/// Runs the pickle in `bytes`: all values, and the number of the one that it is.
pub(super) fn run(bytes: &[u8]) -> Result<(Vec<Value<'_>>, Id), PickleError> {
    let mut machine = Machine {
        input: Bytes::at(bytes, 0).ok_or(PickleError::Damaged(0))?,
        values: vec![Value::Other],
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
    };
    loop {
        match machine.step() {
            Ok(None) => {}
            Ok(Some(root)) => return Ok((machine.values, root)),
            Err(Fault::Damaged) => {
                let left = machine.input.left();
                return Err(PickleError::Damaged(bytes.len() - left));
            }
            Err(Fault::Refused(error)) => return Err(error),
        }
    }
}

impl<'a> Machine<'a> {
    /// One opcode; the result after the last.
    fn step(&mut self) -> Result<Option<Id>, Fault> {
        let opcode = self.need(Bytes::u8)?;
        match opcode {
            b'.' => return self.pop().map(Some),
            // Protocol and frames.
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            b'(' => {
                self.room(self.marks.len())?;
                self.marks.push(self.stack.len());
            }
            b'0' => drop(self.pop()?),
            b'1' => drop(self.popped_to_mark()?),
            b'N' | 0x88 | 0x89 => self.push_id(OTHER)?,
            b'G' => {
                self.take(8)?;
                self.push_id(OTHER)?;
            }
            b'K' => {
                let value = self.need(Bytes::u8)?;
                self.push(Value::Int(value.into()))?;
            }
            b'M' => {
                let value = self.need(Bytes::u16)?;
                self.push(Value::Int(value.into()))?;
            }
            b'J' => {
                let value = self.need(Bytes::u32)?;
                self.push(Value::Int((value as i32).into()))?;
            }
            0x8a => self.long()?,
            b'X' | b'T' | b'B' => {
                let length = self.need(Bytes::u32)?;
                self.text(length.into())?;
            }
            0x8c | b'U' | b'C' => {
                let length = self.need(Bytes::u8)?;
                self.text(length.into())?;
            }
            0x8d | 0x8e => {
                let length = self.need(Bytes::u64)?;
                self.text(length)?;
            }
            b')' | b']' => self.push(Value::List(Vec::new()))?,
            b'}' => self.push(Value::Dict(Vec::new()))?,
            b't' => {
                let list = self.popped_to_mark()?;
                self.push(Value::List(list))?;
            }
            0x85..=0x87 => {
                let at = (self.stack.len()).checked_sub(usize::from(opcode - 0x84));
                let at = at.filter(|at| *at >= self.floor()).ok_or(Fault::Damaged)?;
                let list = self.stack.split_off(at);
                self.push(Value::List(list))?;
            }
            b'a' => {
                let value = self.pop()?;
                self.append(vec![value])?;
            }
            b'e' => {
                let values = self.popped_to_mark()?;
                self.append(values)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(vec![key, value])?;
            }
            b'u' => {
                let items = self.popped_to_mark()?;
                self.set(items)?;
            }
            b'c' => {
                let (module, name) = (
                    self.need(|input| input.until(b'\n'))?,
                    self.need(|input| input.until(b'\n'))?,
                );
                self.push(Value::Global(global(module, name)?))?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Text(module), Value::Text(name)) = (self.at(module), self.at(name))
                else {
                    return Err(Fault::Damaged);
                };
                let global = global(module, name)?;
                self.push(Value::Global(global))?;
            }
            b'R' | 0x81 => self.call()?,
            b'Q' => self.storage()?,
            // What is built onto a dictionary (`_metadata`) is not needed.
            b'b' => drop(self.pop()?),
            b'q' => {
                let number = self.need(Bytes::u8)?;
                self.keep(number.into())?;
            }
            b'r' => {
                let number = self.need(Bytes::u32)?;
                self.keep(number)?;
            }
            0x94 => self.keep(self.memo.len() as u32)?,
            b'h' => {
                let number = self.need(Bytes::u8)?;
                self.recall(number.into())?;
            }
            b'j' => {
                let number = self.need(Bytes::u32)?;
                self.recall(number)?;
            }
            other => return Err(PickleError::Opcode(other).into()),
        }
        Ok(None)
    }

    fn need<T>(&mut self, read: impl FnOnce(&mut Bytes<'a>) -> Option<T>) -> Result<T, Fault> {
        read(&mut self.input).ok_or(Fault::Damaged)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        self.need(|input| input.take(count))
    }

    fn at(&self, id: Id) -> &Value<'a> {
        &self.values[id as usize]
    }

    fn room(&self, used: usize) -> Result<(), Fault> {
        if used < MOST {
            Ok(())
        } else {
            Err(PickleError::TooMany.into())
        }
    }

    fn push_id(&mut self, id: Id) -> Result<(), Fault> {
        self.room(self.stack.len())?;
        self.stack.push(id);
        Ok(())
    }

    fn push(&mut self, value: Value<'a>) -> Result<(), Fault> {
        self.room(self.values.len())?;
        self.values.push(value);
        self.push_id(self.values.len() as Id - 1)
    }

    /// Where the stack begins for whoever takes single values from it.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<Id, Fault> {
        if self.stack.len() <= self.floor() {
            return Err(Fault::Damaged);
        }
        self.stack.pop().ok_or(Fault::Damaged)
    }

    fn popped_to_mark(&mut self) -> Result<Vec<Id>, Fault> {
        let mark = self.marks.pop().ok_or(Fault::Damaged)?;
        Ok(self.stack.split_off(mark))
    }

    /// The value on top, which stays there.
    fn top(&mut self) -> Result<&mut Value<'a>, Fault> {
        let id = *self.stack.last().ok_or(Fault::Damaged)?;
        self.values.get_mut(id as usize).ok_or(Fault::Damaged)
    }

    fn append(&mut self, new: Vec<Id>) -> Result<(), Fault> {
        match self.top()? {
            Value::List(list) => {
                list.extend(new);
                Ok(())
            }
            _ => Err(Fault::Damaged),
        }
    }

    fn set(&mut self, items: Vec<Id>) -> Result<(), Fault> {
        match self.top()? {
            Value::Dict(dict) if items.len().is_multiple_of(2) => {
                dict.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
                Ok(())
            }
            _ => Err(Fault::Damaged),
        }
    }

    fn text(&mut self, length: u64) -> Result<(), Fault> {
        let length = usize::try_from(length).map_err(|_| Fault::Damaged)?;
        let text = self.take(length)?;
        self.push(Value::Text(text))
    }

    /// An integer of any length; one that 64 bits do not hold is no side of a tensor.
    fn long(&mut self) -> Result<(), Fault> {
        let length = self.need(Bytes::u8)?;
        let bytes = self.take(length.into())?;
        if bytes.len() > 8 {
            return self.push_id(OTHER);
        }
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut whole = [if negative { 0xFF } else { 0 }; 8];
        whole[..bytes.len()].copy_from_slice(bytes);
        self.push(Value::Int(i64::from_le_bytes(whole)))
    }

    fn keep(&mut self, number: u32) -> Result<(), Fault> {
        let id = *self.stack.last().ok_or(Fault::Damaged)?;
        self.room(self.memo.len())?;
        // Every writer counts upwards.
        match self
            .memo
            .binary_search_by_key(&number, |(number, _)| *number)
        {
            Ok(at) => self.memo[at].1 = id,
            Err(at) if at == self.memo.len() => self.memo.push((number, id)),
            Err(_) => return Err(Fault::Damaged),
        }
        Ok(())
    }

    fn recall(&mut self, number: u32) -> Result<(), Fault> {
        let at = self
            .memo
            .binary_search_by_key(&number, |(number, _)| *number);
        let (_, id) = self.memo[at.map_err(|_| Fault::Damaged)?];
        self.push_id(id)
    }

    /// `function(*arguments)`, for the functions that are known.
    fn call(&mut self) -> Result<(), Fault> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let (Value::Global(function), Value::List(list)) = (self.at(function), self.at(arguments))
        else {
            return Err(Fault::Damaged);
        };
        match (function, &list[..]) {
            // What it may be filled with at once is another list of pairs, which PyTorch does not write.
            (Global::OrderedDict, []) => self.push(Value::Dict(Vec::new())),
            (Global::Size, [size]) => {
                let size = *size;
                self.push_id(size)
            }
            (Global::Parameter, [tensor, ..]) => {
                let tensor = *tensor;
                self.push_id(tensor)
            }
            (Global::Tensor, [storage, offset, size, stride, ..]) => {
                let &Value::Int(offset) = self.at(*offset) else {
                    return Err(Fault::Damaged);
                };
                let tensor = Value::Tensor {
                    storage: *storage,
                    offset,
                    size: *size,
                    stride: *stride,
                };
                self.push(tensor)
            }
            _ => Err(Fault::Damaged),
        }
    }

    /// `('storage', class, key, device, elements)`: PyTorch's name for numbers that stand elsewhere.
    fn storage(&mut self) -> Result<(), Fault> {
        let id = self.pop()?;
        let Value::List(list) = self.at(id) else {
            return Err(Fault::Damaged);
        };
        let [kind, class, key, ..] = list[..] else {
            return Err(Fault::Damaged);
        };
        match (self.at(kind), self.at(class), self.at(key)) {
            (Value::Text(b"storage"), Value::Global(Global::Storage(class)), Value::Text(_)) => {
                let class = *class;
                self.push(Value::Storage { class, key })
            }
            _ => Err(Fault::Damaged),
        }
    }
}
