import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compileChatTemplate, type Rendered, type RenderInput } from "./chat-template.ts";

interface Vectors {
  readonly now: string;
  readonly variables: { readonly messages: readonly unknown[] };
  readonly cases: readonly { readonly template: string; readonly rendered: string | null }[];
}

const vectors: Vectors = JSON.parse(
  readFileSync(join(import.meta.dir, "..", "..", "test", "fixtures", "text", "jinja.json"), "utf8"),
);
const now = vectors.now;

function render(source: string, input: Partial<RenderInput> = {}) {
  const template = compileChatTemplate(source, { bos_token: "<s>" });
  if (template.kind === "invalid") return template;
  return template.render({ messages: [], addGenerationPrompt: false, now, ...input });
}

describe("a template renders as Jinja renders it", () => {
  const { messages, ...variables } = vectors.variables;
  for (const { template, rendered } of vectors.cases) {
    test(template.slice(0, 100), () => {
      const result = render(template, { messages, variables });
      expect(result.kind === "rendered" ? result.text : null).toBe(rendered);
    });
  }
});

describe("generation blocks", () => {
  test("are counted in code points, white space control included", () => {
    const result = render(
      "👩{%- generation -%} a{{ '👩' }}b {%- endgeneration %}\n{% generation %}c{% endgeneration %}",
    ) as Rendered;
    expect(result.text).toBe("👩a👩bc");
    expect(result.assistantSpans).toEqual([
      [1, 4],
      [4, 5],
    ]);
  });

  test("keep what they set to themselves", () => {
    const result = render(
      "{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}{{ x }}",
    ) as Rendered;
    expect(result.text).toBe("21");
  });
});

describe("what a template cannot do", () => {
  const refused: [string, string, RegExp][] = [
    ["{{ raise_exception('no ' ~ 1) }}", "template-raised", /^no 1$/],
    ["{% for %}", "template-malformed", /cannot be parsed/],
    ["{{ 'x'", "template-malformed", /cannot be parsed/],
    ["{{ x | nosuch }}", "template-unsupported", /filter `nosuch`/],
    ["{{ x is nosuch }}", "template-unsupported", /test `nosuch`/],
    ["{{ x.y }}", "template-failed", /'x' is undefined/],
    ["{{ messages.append(1) }}", "template-failed", /'append' is unsafe/],
    ["{{ range(100001) }}", "template-failed", /Range too big/],
    ["{{ 'x' * 10000000 }}", "template-too-large", /too long/],
    ["{% for a in range(100000) %}{{ 'x' * 1000 }}{% endfor %}", "template-too-large", /makes more than/],
    ["{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "template-failed", /too deeply/],
    [`${"{% if true %}".repeat(20000)}`, "template-malformed", /cannot be parsed/],
    ["{{ '%99999999d' | format(1) }}", "template-failed", /too large/],
    ["{{ 'x'.center(99999999) }}", "template-too-large", /too great a width/],
    ["{{ messages.__class__.__mro__ }}", "template-failed", /undefined/],
    ["x".repeat(1 << 21), "template-too-large", /too long/],
  ];
  for (const [source, reason, detail] of refused) {
    test(source.slice(0, 60), () => {
      expect(render(source)).toMatchObject({ kind: "invalid", reason, detail: expect.stringMatching(detail) });
    });
  }

  test("reach JavaScript's own properties", () => {
    for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty"])
      expect(
        render(`{{ messages.${name} is defined }}{{ 'x'.${name} is defined }}{{ {}.${name} is defined }}`),
      ).toMatchObject({
        text: "FalseFalseFalse",
      });
  });
});
