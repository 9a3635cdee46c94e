/** Who held which uid when, as the metagraph showed it. */
import type { Block, Hotkey, Metagraph, Neuron, Uid } from "../subnet.ts";
import type { Row } from "./schema.ts";
import type { Store } from "./store.ts";

/**
 * Takes in a metagraph: a uid whose hotkey is unchanged gets its figures and last_block renewed, another hotkey begins
 * a new row. One that is older than what is stored (a round that is continued late) adds what it shows about its own
 * block and leaves the newer figures alone.
 */
export async function recordMetagraph(store: Store, metagraph: Metagraph): Promise<void> {
  const { block } = metagraph;
  await store.transaction(async (inner) => {
    const newest = new Map((await currentNeurons(inner)).map((row) => [row.uid, row]));
    for (const neuron of metagraph.neurons) {
      const row = newest.get(neuron.uid);
      const isNewest = row === undefined || row.last_block < block;
      if (isNewest && row?.hotkey !== neuron.hotkey) await insert(inner, neuron, block);
      else if (!isNewest) await recordEarlier(inner, neuron, block);
      else
        await inner.db
          .updateTable("neurons")
          .set({ ...figuresOf(neuron), last_block: block })
          .where("id", "=", row.id)
          .execute();
    }
  });
}

/**
 * Stretches the row beside a block that belongs to the same hotkey, or adds one between its neighbours; a row of another
 * hotkey that spans the block is split around it.
 */
async function recordEarlier({ db }: Store, neuron: Neuron, block: Block): Promise<void> {
  const ofUid = db.selectFrom("neurons").selectAll().where("uid", "=", neuron.uid);
  const before = await ofUid
    .where("first_block", "<=", block)
    .orderBy("first_block", "desc")
    .limit(1)
    .executeTakeFirst();
  if (before?.hotkey === neuron.hotkey) {
    const last_block = Math.max(before.last_block, block);
    await db.updateTable("neurons").set({ last_block }).where("id", "=", before.id).execute();
    return;
  }
  const after = await ofUid.where("first_block", ">", block).orderBy("first_block").limit(1).executeTakeFirst();
  if (before === undefined || before.last_block < block) {
    if (after?.hotkey === neuron.hotkey)
      await db.updateTable("neurons").set({ first_block: block }).where("id", "=", after.id).execute();
    else await insert({ db }, neuron, block);
    return;
  }
  if (before.first_block === block) return;
  await db
    .updateTable("neurons")
    .set({ last_block: block - 1 })
    .where("id", "=", before.id)
    .execute();
  await insert({ db }, neuron, block);
  if (before.last_block > block) {
    const { id, ...rest } = before;
    await db
      .insertInto("neurons")
      .values({ ...rest, first_block: block + 1 })
      .execute();
  }
}

async function insert({ db }: Pick<Store, "db">, neuron: Neuron, block: Block): Promise<void> {
  const { uid, hotkey } = neuron;
  await db
    .insertInto("neurons")
    .values({ uid, hotkey, first_block: block, last_block: block, ...figuresOf(neuron) })
    .execute();
}

function figuresOf(neuron: Neuron) {
  return {
    coldkey: neuron.coldkey,
    stake_tao: neuron.stakeTao,
    validator_permit: neuron.validatorPermit ? 1 : 0,
    incentive: neuron.incentive,
    consensus: neuron.consensus,
    dividends: neuron.dividends,
    validator_trust: neuron.validatorTrust,
  };
}

/** Who held which uid in a metagraph that was recorded. */
export async function registeredAt(store: Store, metagraphBlock: Block): Promise<Map<Uid, Hotkey>> {
  const rows = await store.db
    .selectFrom("neurons")
    .select(["uid", "hotkey"])
    .where("first_block", "<=", metagraphBlock)
    .where("last_block", ">=", metagraphBlock)
    .orderBy("uid")
    .execute();
  return new Map(rows.map((row) => [row.uid, row.hotkey]));
}

/** The last known holder of every uid, by uid. */
export async function currentNeurons(store: Store): Promise<Row<"neurons">[]> {
  return store.db
    .selectFrom("neurons")
    .innerJoin(
      (from) =>
        from
          .selectFrom("neurons")
          .select(({ fn }) => ["neurons.uid as held_uid", fn.max("neurons.first_block").as("held_from")])
          .groupBy("neurons.uid")
          .as("held"),
      (join) => join.onRef("held.held_uid", "=", "neurons.uid").onRef("held.held_from", "=", "neurons.first_block"),
    )
    .selectAll("neurons")
    .orderBy("neurons.uid")
    .execute();
}
