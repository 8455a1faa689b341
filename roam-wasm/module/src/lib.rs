//! The wasm module of the npm package `@roam-rpc/client`: the exports of `roam_wasm::javascript`,
//! linked without the standard library.
//!
//! In a page nobody sees the message of a panic: it is a trap, whatever the message says. The
//! standard library would format it all the same, which takes an eighth of the download.
#![cfg(target_arch = "wasm32")]
#![no_std]
#![forbid(unsafe_code)]

use core::panic::PanicInfo;

use dlmalloc::GlobalDlmalloc;
use roam_wasm as _;

/// The allocator that the standard library has for wasm.
#[global_allocator]
static ALLOCATOR: GlobalDlmalloc = GlobalDlmalloc;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
