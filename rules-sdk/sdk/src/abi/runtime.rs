//! What the generated code calls: blocks of memory that cross the interface.
#![allow(unsafe_code)] // memory that the host writes is handed over raw

use alloc::alloc::{Layout, alloc, dealloc};
use core::ptr::{NonNull, null_mut};

/// A block that is freed when it is dropped.
pub struct Cleanup {
    block: NonNull<u8>,
    layout: Layout,
}

impl Cleanup {
    /// A block of `layout`; null, and nothing to free, when that has no size.
    #[must_use]
    pub fn new(layout: Layout) -> (*mut u8, Option<Self>) {
        if layout.size() == 0 {
            return (null_mut(), None);
        }
        // SAFETY: the size is not zero.
        let block = unsafe { alloc(layout) };
        match NonNull::new(block) {
            Some(block) => (block.as_ptr(), Some(Self { block, layout })),
            None => alloc::alloc::handle_alloc_error(layout),
        }
    }

    /// Leaves the block to somebody else.
    pub fn forget(self) {
        core::mem::forget(self);
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        // SAFETY: allocated by `new` with this layout, and freed once.
        unsafe { dealloc(self.block.as_ptr(), self.layout) }
    }
}

/// Called where a binding is used, so that `cabi_realloc` is linked; being
/// exported, it always is.
pub fn maybe_link_cabi_realloc() {}

/// How the host gets memory to write what it hands over into.
///
/// # Safety
/// The canonical ABI's: `old` is null with `old_len` 0, or a block that this
/// gave with these `old_len` and `align`; `align` is a power of two.
#[cfg(target_arch = "wasm32")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cabi_realloc(
    old: *mut u8,
    old_len: usize,
    align: usize,
    new_len: usize,
) -> *mut u8 {
    if new_len == 0 {
        return align as *mut u8;
    }
    // SAFETY: the sizes are not zero, and the caller keeps the promises above.
    let block = unsafe {
        if old_len == 0 {
            alloc(Layout::from_size_align_unchecked(new_len, align))
        } else {
            let layout = Layout::from_size_align_unchecked(old_len, align);
            alloc::alloc::realloc(old, layout, new_len)
        }
    };
    if block.is_null() {
        core::arch::wasm32::unreachable()
    }
    block
}
