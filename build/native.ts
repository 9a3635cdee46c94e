/**
 * The bundler plugin for the native addons. `bun build --compile` embeds JavaScript but not the shared libraries behind
 * it, so each addon's loader is replaced by one that extracts what the executable carries (src/base/native.ts).
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { BunPlugin } from "bun";

/** What a release is built for; `bun` is the name of Bun's own cross-compilation target. */
export interface Target {
  readonly name: string;
  readonly bun: Bun.Build.CompileTarget;
  readonly platform: "linux" | "darwin" | "win32";
  readonly arch: "x64" | "arm64";
}

interface Addon {
  /** The module whose job it is to load the addon. */
  readonly loader: RegExp;
  /** The libraries, the one to open last; the others must lie beside it. */
  readonly files: (target: Target) => readonly string[];
  /** The CommonJS source of the replacement, given an expression for the opened addon. */
  readonly replacement: (binding: string, original: string) => string;
}

const modules = resolve(import.meta.dir, "..", "node_modules");

const addons: readonly Addon[] = [
  {
    loader: /node_modules[\\/]onnxruntime-node[\\/]dist[\\/]binding\.js$/,
    files: (target) => {
      const folder = join(modules, "onnxruntime-node", "bin", "napi-v6", target.platform, target.arch);
      const library = { linux: "libonnxruntime.so.1", darwin: "libonnxruntime.1.30.0.dylib", win32: "onnxruntime.dll" };
      return [join(folder, library[target.platform]), join(folder, "onnxruntime_binding.node")];
    },
    replacement: (binding, original) => replaceOnce(original, /require\(`[^`]*onnxruntime_binding\.node`\)/, binding),
  },
  {
    loader: /node_modules[\\/]better-sqlite3[\\/]lib[\\/]binding\.js$/,
    files: (target) => [join(modules, "better-sqlite3", "prebuilds", `${target.platform}-${target.arch}.node`)],
    replacement: (binding) => `let addon;\nexports.getBinding = () => (addon ??= ${binding});\n`,
  },
  {
    loader: /node_modules[\\/]tokenizers[\\/]index\.js$/,
    files: (target) => {
      const abi = { linux: "-gnu", darwin: "", win32: "-msvc" }[target.platform];
      return [join(modules, "tokenizers", `tokenizers.${target.platform}-${target.arch}${abi}.node`)];
    },
    replacement: (binding) => `module.exports = ${binding};\n`,
  },
];

/** The plugin for one target; compressed libraries are written below `scratch`. */
export function nativeAddons(target: Target, scratch: string): BunPlugin {
  // Before the build starts: the bundler lists a folder once and would not see files that are written later.
  const embedded = addons.map((addon) => ({ addon, ...embed(addon.files(target), scratch) }));
  return {
    name: "native-addons",
    setup(build) {
      for (const { addon, imports, files } of embedded) {
        build.onLoad({ filter: addon.loader }, ({ path }) => {
          const open = `openNative([${files.join(", ")}])`;
          const contents = addon.replacement(open, readFileSync(path, "utf8"));
          return { contents: `${imports}\n${opener}\n${contents}`, loader: "js" };
        });
      }
    },
  };
}

const base = resolve(import.meta.dir, "..", "src", "base");

const opener = `
const { extractNative } = require(${JSON.stringify(join(base, "native.ts"))});
const { cacheDirectory } = require(${JSON.stringify(join(base, "paths.ts"))});
function openNative(files) {
  const folder = extractNative(cacheDirectory(process.env), files);
  const addon = { exports: {} };
  process.dlopen(addon, require("node:path").join(folder, files[files.length - 1].name));
  return addon.exports;
}`;

/** Compresses libraries and gives the statements that embed them and the literals that describe them. */
function embed(paths: readonly string[], scratch: string): { imports: string; files: string[] } {
  mkdirSync(scratch, { recursive: true });
  const imports: string[] = [];
  const files: string[] = [];
  for (const [index, path] of paths.entries()) {
    const bytes = readFileSync(path);
    const name = path.slice(path.search(/[^\\/]+$/));
    const compressed = join(scratch, `${name}.zst`);
    writeFileSync(compressed, Bun.zstdCompressSync(bytes, { level: 19 }));
    const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    imports.push(`const embedded${index} = require(${JSON.stringify(compressed)});`);
    files.push(`{ name: ${JSON.stringify(name)}, sha256: "${sha256}", source: embedded${index} }`);
  }
  return { imports: imports.join("\n"), files };
}

function replaceOnce(text: string, pattern: RegExp, replacement: string): string {
  if (!pattern.test(text)) throw new Error(`the loader has changed: ${pattern} is not in it`);
  return text.replace(pattern, () => replacement);
}
