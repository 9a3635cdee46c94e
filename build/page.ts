/** The bundler plugin for the page: instead of the module that bundles it, the executable gets what that module made. */
import type { BunPlugin } from "bun";
import type { Page } from "../src/web/page.ts";

export function embeddedPage(page: Page): BunPlugin {
  return {
    name: "embedded-page",
    setup(build) {
      build.onLoad({ filter: /[\\/]src[\\/]web[\\/]page\.ts$/ }, () => ({
        contents: `const page = ${JSON.stringify(page)};\nexport const loadPage = async () => page;\n`,
        loader: "js",
      }));
    },
  };
}
