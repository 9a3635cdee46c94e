/** The page in a real browser, served by the real program. Skipped where there is no Chromium (in PATH, or as CHROMIUM). */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { readLines } from "../src/base/lines.ts";
import { selfCommand } from "../src/base/self.ts";
import { recordContender } from "../src/store/contenders.ts";
import { readLeaderboards } from "../src/store/leaderboard.ts";
import { findRound } from "../src/store/rounds.ts";
import { openStore } from "../src/store/store.ts";
import { makeChatModel } from "./fixtures/chat-model.ts";
import { addRounds, makeSyntheticState, type SyntheticState } from "./fixtures/synthetic-state.ts";
import { descendantsOf, survivors } from "./processes.ts";

const executable =
  process.env.CHROMIUM ?? Bun.which("chromium") ?? Bun.which("chromium-browser") ?? Bun.which("google-chrome");
if (executable === null) console.warn("No Chromium in PATH or CHROMIUM: the page is not tried in a browser.");

const root = mkdtempSync(join(tmpdir(), "web-page-"));
const state: SyntheticState = { path: join(root, "state.sqlite"), rounds: 5, models: 12, batches: 4, seed: 5 };
const hostile = "<img src=x onerror=document.title='taken'>/<script>document.title='taken'</script>";

async function startProgram(...args: readonly string[]) {
  const child = Bun.spawn([...selfCommand("web", "--db", state.path, "--port", "0", "--json", ...args)], {
    stdout: "pipe",
    stderr: "inherit",
    stdin: "ignore",
  });
  const first = await readLines(child.stdout, 1 << 16).next();
  return { child, url: (JSON.parse(first.value as string) as { url: string }).url };
}

let program: Awaited<ReturnType<typeof startProgram>>;

beforeAll(async () => {
  await makeSyntheticState(state);
  const store = await openStore({ path: state.path, mode: "write" });
  await store.db.updateTable("models").set({ repo: hostile }).where("repo", "=", "miner-0/model").execute();
  const round = await findRound(store, { competitionId: 1, syncBlock: 100 });
  const refused = { uid: 40, hotkey: "hotkey-40", state: "refused", reason: "not-finite", detail: hostile } as const;
  await recordContender(store, round!.id, refused);
  await store.close();
  program = await startProgram("--model", await makeChatModel(join(root, "model")), "--max-new-tokens", "1000");
});
afterAll(() => {
  program.child.kill("SIGKILL");
  rmSync(root, { recursive: true, force: true });
});

describe.skipIf(executable === null)("in a browser", () => {
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: executable!, args: ["--no-sandbox"] });
    page = await browser.newPage();
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(program.url);
  });
  afterAll(async () => {
    await browser?.close();
  });
  const rows = async (table: number) => {
    const found = await page.locator("table:not(.u-legend)").nth(table).locator("tbody tr").all();
    return Promise.all(found.map(async (row) => row.locator("th, td").allInnerTexts()));
  };

  test("the table shows the numbers of the store, and names as text", async () => {
    await page.getByText("After the round of block 100").waitFor();
    const store = await openStore({ path: state.path, mode: "read" });
    const [board] = await readLeaderboards(store);
    await store.close();
    const shown = await rows(0);
    expect(shown.map(([rank, uid]) => [rank, uid])).toEqual(board!.rows.map(({ rank, uid }) => [`${rank}`, `${uid}`]));
    expect(shown.map((cells) => cells[8])).toEqual(board!.rows.map(({ subnetWeight }) => subnetWeight.toFixed(4)));
    for (const [index, { outcome, score }] of board!.rows.entries())
      if (outcome === "scored") expect(shown[index]![4]).toBe(score.toFixed(5));
    expect(shown.find(([, uid]) => uid === "0")![2]).toStartWith(hostile);
    expect(await rows(1)).toEqual([["40", "–", "hotkey-40", "not-finite", hostile]]);
    expect(await page.locator("img, table script").count()).toBe(0);
    expect(await page.title()).toBe("leaderboard – finetune");
  });

  test("a new round appears without a reload", async () => {
    const store = await openStore({ path: state.path, mode: "write" });
    await addRounds(store, { ...state, rounds: 1, fromRound: 6 });
    await store.close();
    await page.getByText("After the round of block 120").waitFor();
  });

  test("a miner has its history and the words of explain", async () => {
    await page.getByRole("link", { name: "Miner 11", exact: true }).click();
    await page.getByRole("heading", { name: "Miner 11" }).waitFor();
    await page.getByText("Uid 11 (hotkey-11) in competition 1").waitFor();
    expect((await rows(0)).map(([block]) => block)).toEqual(["120", "100", "80", "60", "40", "20"]);
    await page.getByRole("link", { name: "60", exact: true }).click();
    await page.getByRole("heading", { name: "after the round of block 60" }).waitFor();
    expect(await page.locator("canvas").count()).toBe(2);
  });

  test("an answer of the model appears piece by piece, and can be stopped", async () => {
    await page.getByRole("link", { name: "Chat" }).click();
    await page.getByLabel("Your message").fill("<b>Hello</b>");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelector("li.assistant p")?.textContent !== "");
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByText("Stopped.").waitFor();
    expect(await page.locator("li.user p").textContent()).toBe("<b>Hello</b>");
  });

  test("nothing was blocked by the page's own policy, and nothing failed", () => {
    expect(complaints).toEqual([]);
  });
});

test("Ctrl-C ends the program and the model's process", async () => {
  const running = descendantsOf(process.pid).filter(({ parent }) => parent === program.child.pid);
  expect(running.some(({ command }) => command.includes("worker"))).toBe(true);
  program.child.kill("SIGINT");
  expect(await Promise.race([program.child.exited, Bun.sleep(20_000).then(() => "hangs")])).toBe(0);
  expect(await survivors(running, 10_000)).toEqual([]);
});

test("what cannot be served is refused before anything is announced", async () => {
  const run = async (...args: readonly string[]) => {
    const child = Bun.spawn([...selfCommand("web", "--port", "0", ...args)], { stdout: "pipe", stderr: "pipe" });
    const [stdout, stderr] = [await new Response(child.stdout).text(), await new Response(child.stderr).text()];
    return { code: await child.exited, stdout, stderr };
  };
  const missing = await run("--db", join(root, "nowhere.sqlite"));
  expect(missing).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("There is no state file") });
  const mute = await makeChatModel(join(root, "mute"), { template: false });
  const silent = await run("--db", state.path, "--model", mute);
  expect(silent).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("no chat template") });
});
