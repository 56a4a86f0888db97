//! Bytes of a file as memory.

use std::fs::File;
use std::io;
use std::ops::Deref;

/// All bytes of a file that nobody changes any more: memory-mapped on the real disk, owned on its twins.
#[derive(Debug)]
pub enum FileBytes {
    /// Pages of the file; the kernel reads and drops them as needed.
    Mapped(memmap2::Mmap),
    /// A copy.
    Owned(Vec<u8>),
}

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl FileBytes {
    /// Lets go of the pages that were read: they count as memory of this process no longer, and the kernel keeps or drops them as
    /// it likes. Who reads them next has them again. A copy stays.
    #[allow(unsafe_code, reason = "the call is unsafe for kinds of memory that this is not")]
    pub fn let_go(&self) {
        if let Self::Mapped(map) = self {
            // SAFETY: the mapping is shared, read-only and of a file that nobody changes (see `map` below), so a page that was let go
            // comes back with the same bytes. Whoever reads at this moment waits for it as for any page.
            let done = unsafe { map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
            // It is advice: where the system refuses it, pages stay.
            drop(done);
        }
    }
}

#[allow(unsafe_code, reason = "there is no safe way to map a file; this function is the only place")]
pub(crate) fn map(file: &File) -> io::Result<FileBytes> {
    // An empty file cannot be mapped.
    if file.metadata()?.len() == 0 {
        return Ok(FileBytes::Owned(Vec::new()));
    }
    // SAFETY: the bytes must not change and the file must not shrink while it is mapped. Callers map only files that were
    // given their final name after the last write, in a folder that is locked for this process; nobody opens them for
    // writing again, and removing one leaves its pages alone. Somebody else who cuts such a file makes us end by SIGBUS.
    unsafe { memmap2::Mmap::map(file) }.map(FileBytes::Mapped)
}
