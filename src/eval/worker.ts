/**
 * The child's side of protocol.ts: holds one model, answers requests one after the other, ends when its parent does.
 * Everything that reads a stranger's files (tokenizer and template too) happens here.
 */
import { type Invalid, isInvalid } from "../base/invalid.ts";
import { say, serveParent } from "../base/limited-child.ts";
import { type ModelFolder, openModelFolder } from "../model/folder.ts";
import { scanParameters } from "../model/parameters.ts";
import type { Engine } from "./engine.ts";
import type { Request, RequestKind, ResultOf, SampleFailure, Start } from "./protocol.ts";
import { openTextTools, type TextTools } from "./text-tools.ts";

/** Serves requests from stdin until it ends. Never returns. */
export async function serve(): Promise<never> {
  let model: HeldModel | undefined;
  let last: Promise<void> = Promise.resolve();
  return await serveParent((line) => {
    const message = line as Start | Request;
    if (message.kind === "start") model = new HeldModel(message);
    else last = last.then(() => answer(model!, message));
    return last;
  });
}

async function answer(model: HeldModel, request: Request): Promise<void> {
  const problem = await handlers[request.kind](model, request as never, (index, result) =>
    say({ kind: "result", index, result }),
  );
  say(problem === undefined ? { kind: "done" } : { kind: "invalid", reason: problem.reason, detail: problem.detail });
}

type Handler<K extends RequestKind> = (
  model: HeldModel,
  request: Request & { readonly kind: K },
  report: (index: number, result: ResultOf<K>) => void,
) => Promise<Invalid | undefined>;

const handlers: { readonly [K in RequestKind]: Handler<K> } = {
  async describe(held, _, report) {
    const engine = await held.engine();
    if (isInvalid(engine)) return engine;
    const { architecture, parameters, vocabulary } = engine.model;
    report(0, { kind: "described", architecture, parameters, vocabularySize: vocabulary, ...engine.computation() });
    return undefined;
  },
  async scan(held, _, report) {
    const folder = await held.folder();
    if (isInvalid(folder)) return folder;
    const scan = await scanParameters(folder.tensors);
    if (isInvalid(scan)) return scan;
    const norms = Object.fromEntries(
      [...scan.norms].map(([name, norm]) => [name, Number.isFinite(norm) ? norm : null]),
    );
    report(0, { kind: "scanned", nonFinite: Object.fromEntries(scan.nonFinite), norms, digest: scan.digest });
    return undefined;
  },
  async encode(held, { items, now }, report) {
    const tools = await held.textTools();
    if (isInvalid(tools)) return tools;
    for (const [index, item] of items.entries()) report(index, failIfInvalid(await tools.encode(item, now)));
    return undefined;
  },
  async decode(held, { items }, report) {
    const tools = await held.textTools();
    if (isInvalid(tools)) return tools;
    for (const [index, item] of items.entries()) report(index, failIfInvalid(await tools.decode(item)));
    return undefined;
  },
  async score(held, { samples, perToken }, report) {
    const engine = await held.engine();
    if (isInvalid(engine)) return engine;
    const onSample = (outcome: Awaited<ReturnType<Engine["score"]>>[number], index: number) => {
      if (outcome.kind === "failed") return report(index, outcome);
      const { nll } = outcome;
      const lossNatsMean = nll.length === 0 ? null : nll.reduce((sum, value) => sum + value, 0) / nll.length;
      report(index, { kind: "loss", lossNatsMean, tokensScored: nll.length, ...(perToken ? { nll: [...nll] } : {}) });
    };
    await engine.score(samples, { onSample });
    return undefined;
  },
  async generate(held, { samples }, report) {
    const engine = await held.engine();
    if (isInvalid(engine)) return engine;
    await engine.generate(samples, {
      onSample: (outcome, index) =>
        report(index, outcome.kind === "failed" ? outcome : { kind: "generation", ids: [...outcome.ids] }),
    });
    return undefined;
  },
};

/** One item that the template or the tokenizer refuses costs that item alone. */
function failIfInvalid<T extends { readonly kind: string }>(result: T | Invalid): T | SampleFailure {
  return isInvalid(result) ? { kind: "failed", reason: result.reason, detail: result.detail } : result;
}

/** The model, of which every part is opened when it is first needed. */
class HeldModel {
  readonly folder: () => Promise<ModelFolder | Invalid>;
  readonly engine: () => Promise<Engine | Invalid>;
  readonly textTools: () => Promise<TextTools | Invalid>;

  constructor({ folder, links, tokenizerFolder, threads, memoryBytesMax }: Start) {
    this.folder = once(() => openModelFolder(folder, { links }));
    this.engine = once(async () => {
      const opened = await this.folder();
      if (isInvalid(opened)) return opened;
      // Loaded late: a child that only tokenises must not wait for the graph code and onnxruntime.
      const { openEngine } = await import("./engine.ts");
      return await openEngine(opened, { memoryBytesMax, ...(threads === undefined ? {} : { threads }) });
    });
    this.textTools = once(() => openTextTools(tokenizerFolder ?? folder, links));
  }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
