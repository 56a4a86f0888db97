//! Variable-length integers: LEB128 for unsigned ones, zigzag before it for signed ones.

/// The most bytes that a `u64` takes.
pub const LEN_MAX: usize = 10;

/// Appends `value` in LEB128: seven bits a byte, lowest first, the high bit set on all but the last.
pub fn put_u64(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bytes that [`put_u64`] takes for a number.
pub fn len_u64(value: u64) -> usize {
    (64 - value.leading_zeros()).div_ceil(7).max(1) as usize
}

/// Appends `value` zigzag-coded, so that small magnitudes of either sign are short.
pub fn put_i64(out: &mut Vec<u8>, value: i64) {
    put_u64(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Takes a `u64` off the front of `input`; `None` when the bytes end early or do not fit 64 bits.
pub fn take_u64(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for (i, &byte) in input.iter().take(LEN_MAX).enumerate() {
        let bits = u64::from(byte & 0x7f);
        if i == LEN_MAX - 1 && bits > 1 {
            return None;
        }
        value |= bits << (7 * i);
        if byte & 0x80 == 0 {
            *input = input.get(i + 1..)?;
            return Some(value);
        }
    }
    None
}

/// Takes an `i64` that [`put_i64`] wrote.
pub fn take_i64(input: &mut &[u8]) -> Option<i64> {
    let raw = take_u64(input)?;
    Some(((raw >> 1) as i64) ^ -((raw & 1) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_can_be_taken() {
        for value in [0u64, 1, 127, 128, 300, 1 << 35, u64::MAX] {
            let mut bytes = Vec::new();
            put_u64(&mut bytes, value);
            assert_eq!(take_u64(&mut bytes.as_slice()), Some(value));
        }
        for value in [0i64, -1, 1, i64::MIN, i64::MAX, -12345] {
            let mut bytes = Vec::new();
            put_i64(&mut bytes, value);
            assert_eq!(take_i64(&mut bytes.as_slice()), Some(value));
        }
    }

    #[test]
    fn cut_and_overlong_input_is_refused() {
        assert_eq!(take_u64(&mut [0x80u8].as_slice()), None);
        assert_eq!(take_u64(&mut [0xffu8; 10].as_slice()), None);
        assert_eq!(take_u64(&mut [].as_slice()), None);
    }
}
