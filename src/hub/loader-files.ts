/**
 * Which files of a repository make the model: those that a loader of transformers reads from the top folder. Only they
 * are downloaded, published and hashed; everything else in a repository is ignored unread.
 */

const exact: ReadonlySet<string> = new Set([
  "config.json",
  "generation_config.json",
  // Tokenizers, in every form that transformers reads.
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "chat_template.jinja",
  "chat_template.json",
  "tokenizer.model",
  "spiece.model",
  "sentencepiece.bpe.model",
  "vocab.json",
  "vocab.txt",
  "merges.txt",
]);

/** True for a path that a loader reads. Folders below the top are not looked into. */
export function isLoaderFile(path: string): boolean {
  return isTokenizerFile(path) || isParameterFile(path) || path === "config.json" || path === "generation_config.json";
}

/** The tokenizer's files, which are uploaded after the model's. */
export function isTokenizerFile(path: string): boolean {
  return exact.has(path) && path !== "config.json" && path !== "generation_config.json";
}

/** A .safetensors file or the index of several. */
function isParameterFile(path: string): boolean {
  return !path.includes("/") && /\.safetensors(\.index\.json)?$/.test(path);
}

/**
 * Why a path of a repository must not be touched, or null. A path becomes a file's name here and a line in a log: it may
 * not leave its folder, look like another, or carry anything but what it shows.
 */
export function pathProblem(path: string): string | null {
  if (path.length === 0 || path.length > 1024) return "is empty or too long";
  if (/[\u0000-\u001f\u007f-\u009f]/.test(path)) return "holds control characters";
  if (path.startsWith("/") || /^[A-Za-z]:/.test(path) || path.includes("\\")) return "is absolute or of another system";
  if (path.split("/").some((part) => part === "" || part === "." || part === "..")) return "leaves its folder";
  if (isLoaderFile(path.normalize("NFKC")) && !/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/.test(path))
    return "is not a plain name for a file of a model";
  return null;
}
