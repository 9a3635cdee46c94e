// DESIGN: who may import whom. Each rule carries the reason, since it is what a contributor reads when the check fails.
const only = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: "error",
  from: { path: `^src/(${from})/`, pathNot: "\\.test\\.tsx?$" },
  to: { path: "^(src|migrations)/", pathNot: [`^src/(${from})/`, ...allowed] },
});
const sole = (name, dependency, importer) => ({
  name,
  comment: `one importer for each native or large dependency: only ${importer} imports ${dependency}`,
  severity: "error",
  // Tests use the library itself, unmodified, as the other side.
  from: { path: "^(src|migrations)/", pathNot: [importer, "\\.test\\.ts$"] },
  to: { path: dependency },
});
const base = "^src/base/";
const subnet = "^src/subnet\\.ts$";

module.exports = {
  forbidden: [
    {
      name: "no-circular",
      comment: "a cycle hides which part is the lower one",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    only("base-stands-alone", "base", [], "base imports nothing above itself"),
    {
      name: "subnet-stands-alone",
      comment: "the nouns of the subnet depend on nothing",
      severity: "error",
      from: { path: subnet },
      to: { path: "^src/" },
    },
    only("competition-is-pure", "competition", [base, subnet], "the rules are pure: they import base and the nouns"),
    only("consensus-is-pure", "consensus", [base, subnet], "consensus is pure: it imports base and the nouns"),
    only("graph-is-pure", "graph", [base], "the graph IR is pure"),
    {
      name: "pure-means-no-io",
      comment:
        "competition, consensus and graph take everything as parameters: no files, clock, network or native code",
      severity: "error",
      from: { path: "^src/(competition|consensus|graph)/", pathNot: "\\.test\\.ts$" },
      to: { path: "^(node:)?(fs|fs/promises|net|http|https|os|child_process|worker_threads|process)$|^bun(:|$)" },
    },
    only("model-to-graph", "model", [base, "^src/graph/"], "model → graph"),
    only(
      "eval-offline",
      "eval",
      [base, subnet, "^src/(model|graph)/"],
      "eval → model, graph: it never knows chain, hub or store",
    ),
    only("train-offline", "train", [base, subnet, "^src/(model|graph|eval)/"], "train → model, graph, eval"),
    only("chain-is-a-sibling", "chain", [base, subnet], "chain, hub, store and data never import each other"),
    only("hub-is-a-sibling", "hub", [base, subnet], "chain, hub, store and data never import each other"),
    only(
      "store-is-a-sibling",
      "store",
      [base, subnet, "^migrations/"],
      "chain, hub, store and data never import each other",
    ),
    only("data-is-a-sibling", "data", [base, subnet], "chain, hub, store and data never import each other"),
    ...["validator", "miner", "rescore", "localnet"].map((role) =>
      only(
        `${role}-is-a-role`,
        role,
        [base, subnet, "^src/(competition|consensus|graph|model|eval|train|data|chain|hub|store)/"],
        "roles compose the rest and never import one another",
      ),
    ),
    only(
      "web-reads",
      "web",
      [base, subnet, "^src/(eval|store)/"],
      "web reads the store and runs a model: nothing else",
    ),
    {
      name: "page-in-the-browser",
      comment: "the page runs in a browser: of the program it knows the shapes of answers, never code",
      severity: "error",
      from: { path: "^src/web/page/" },
      to: { path: "^(src|migrations)/", pathNot: "^src/web/page/", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "page-is-bundled",
      comment: "the server hands out the page's bundle; none of its modules run in the program",
      severity: "error",
      from: { path: "^src/(?!web/page/)" },
      to: { path: "^src/web/page/" },
    },
    {
      name: "only-cli-above-roles",
      comment: "roles are composed by cli; main imports cli alone",
      severity: "error",
      from: { path: "^src/(?!cli/|main\\.ts)" },
      to: { path: "^src/(cli/|main\\.ts)" },
    },
    {
      name: "main-to-cli",
      comment: "main → cli",
      severity: "error",
      from: { path: "^src/main\\.ts$" },
      to: { path: "^src/", pathNot: ["^src/cli/", base] },
    },
    sole("one-importer-onnxruntime", "node_modules/onnxruntime-node", "^src/eval/session\\.ts$"),
    sole("one-importer-tokenizers", "node_modules/tokenizers", "^src/model/tokenizer\\.ts$"),
    sole("one-importer-polkadot-api", "node_modules/@polkadot/api/", "^src/chain/api\\.ts$"),
    sole("one-importer-polkadot-types", "node_modules/@polkadot/types/", "^src/chain/plain\\.ts$"),
    sole("one-importer-hub", "node_modules/@huggingface/hub", "^src/hub/client\\.ts$"),
    sole("one-importer-prometheus", "node_modules/prom-client", "^src/web/metrics\\.ts$"),
    sole("one-importer-uplot", "node_modules/uplot", "^src/web/page/chart\\.tsx$"),
    sole("one-importer-preact", "node_modules/preact", "^src/web/page/"),
    sole("one-importer-sqlite", "node_modules/better-sqlite3", "^src/store/database\\.ts$"),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["bun", "import", "require", "node", "default", "types"],
    },
  },
};
