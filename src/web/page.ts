/**
 * The page, bundled: from source it is made here at every start, in a fraction of a second. The executable holds the result
 * instead of this file (build/page.ts puts it there), since it has neither the sources nor the libraries.
 */
import { join } from "node:path";
import { assert } from "../base/assert.ts";

export interface Page {
  readonly html: string;
  readonly script: string;
  readonly style: string;
  readonly icon: string;
}

export async function loadPage(): Promise<Page> {
  const folder = join(import.meta.dir, "page");
  const built = await Bun.build({
    entrypoints: [join(folder, "page.tsx")],
    target: "browser",
    format: "esm",
    minify: true,
    sourcemap: "none",
    define: { "process.env.NODE_ENV": '"production"' },
  });
  const part = (extension: string) => {
    const found = built.outputs.find(({ path }) => path.endsWith(extension));
    assert(found !== undefined, `the page has a ${extension}`);
    return found.text();
  };
  return {
    html: await Bun.file(join(folder, "page.html")).text(),
    script: await part(".js"),
    style: await part(".css"),
    icon: await Bun.file(join(folder, "icon.svg")).text(),
  };
}
