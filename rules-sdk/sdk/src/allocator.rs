//! The guest's allocator: it only ever moves forward. An instance lives for
//! one claim and its memory is reset afterwards, so nothing is worth freeing.
#![allow(unsafe_code)] // an allocator cannot be written without

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;

struct Bump {
    next: UnsafeCell<usize>,
    end: UnsafeCell<usize>,
}

// SAFETY: a policy runs on one thread; the interface has no others.
unsafe impl Sync for Bump {}

#[global_allocator]
static ALLOCATOR: Bump = Bump {
    next: UnsafeCell::new(0),
    end: UnsafeCell::new(0),
};

unsafe extern "C" {
    static __heap_base: u8;
}

const PAGE: usize = 65_536;

// SAFETY: blocks are cut one after the other from memory that is nobody
// else's: from `__heap_base` to the end of linear memory, which only this
// allocator grows.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: single-threaded, and no reference outlives the call.
        let (next, end) = unsafe { (&mut *self.next.get(), &mut *self.end.get()) };
        if *next == 0 {
            *next = &raw const __heap_base as usize;
            *end = core::arch::wasm32::memory_size(0) * PAGE;
        }
        let start = (*next + layout.align() - 1) & !(layout.align() - 1);
        let Some(stop) = start.checked_add(layout.size()) else {
            return core::ptr::null_mut();
        };
        if stop > *end {
            let pages = (stop - *end).div_ceil(PAGE);
            if core::arch::wasm32::memory_grow(0, pages) == usize::MAX {
                return core::ptr::null_mut();
            }
            *end += pages * PAGE;
        }
        *next = stop;
        start as *mut u8
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: single-threaded, and no reference outlives the block.
        let next = unsafe { &mut *self.next.get() };
        let end = unsafe { *self.end.get() };
        // The last block grows where it stands: how a vector usually grows.
        if block as usize + layout.size() == *next && block as usize + size <= end {
            *next = block as usize + size;
            return block;
        }
        // SAFETY: the caller's own promises for `block` and `layout`.
        unsafe {
            let fresh = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !fresh.is_null() {
                core::ptr::copy_nonoverlapping(block, fresh, layout.size().min(size));
            }
            fresh
        }
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
