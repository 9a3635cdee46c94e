/**
 * Keeps onnxruntime from reporting to its maker. Its release builds collect events, write a device id and a database into
 * the user's cache, and send them, unless this variable is in the process's environment when the library is loaded. A
 * validator's program talks to nobody that its operator did not name. Imported before the library, for its effect.
 */
import { dlopen, FFIType } from "bun:ffi";

const variable = "ORT_DISABLE_TELEMETRY";

// The library reads the C environment, which assignments to process.env do not reach.
process.env[variable] = "1";
if (process.platform === "win32") {
  const runtime = dlopen("ucrtbase.dll", {
    _putenv_s: { args: [FFIType.cstring, FFIType.cstring], returns: FFIType.i32 },
  });
  runtime.symbols._putenv_s(text(variable), text("1"));
} else {
  const library = process.platform === "darwin" ? "libSystem.B.dylib" : "libc.so.6";
  const setenv = { args: [FFIType.cstring, FFIType.cstring, FFIType.i32], returns: FFIType.i32 } as const;
  dlopen(library, { setenv }).symbols.setenv(text(variable), text("1"), 1);
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}
