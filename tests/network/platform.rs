//! One test for both platforms.

/// Makes an async block a test natively and in the browser.
#[macro_export]
macro_rules! test {
    ($name:ident, $body:expr) => {
        #[cfg(not(target_arch = "wasm32"))]
        #[test]
        fn $name() {
            pollster::block_on($body)
        }

        #[cfg(target_arch = "wasm32")]
        #[wasm_bindgen_test::wasm_bindgen_test]
        async fn $name() {
            #[cfg(any(feature = "network", feature = "figures"))]
            ddim_web::web::start();
            $body.await
        }
    };
}
