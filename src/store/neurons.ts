/** Who held which uid when, as the metagraph showed it. */
import type { Block, Hotkey, Metagraph, Uid } from "../subnet.ts";
import type { Row } from "./schema.ts";
import type { Store } from "./store.ts";

/**
 * Takes in a metagraph: a uid whose hotkey is unchanged gets its figures and last_block renewed, another hotkey begins
 * a new row. A metagraph older than what is stored changes nothing, so that a lagging endpoint does no harm.
 */
export async function recordMetagraph(store: Store, metagraph: Metagraph): Promise<void> {
  await store.transaction(async (inner) => {
    const known = new Map((await currentNeurons(inner)).map((row) => [row.uid, row]));
    for (const neuron of metagraph.neurons) {
      const figures = {
        last_block: metagraph.block,
        coldkey: neuron.coldkey,
        stake_tao: neuron.stakeTao,
        validator_permit: neuron.validatorPermit ? 1 : 0,
        incentive: neuron.incentive,
        consensus: neuron.consensus,
        dividends: neuron.dividends,
        validator_trust: neuron.validatorTrust,
      };
      const row = known.get(neuron.uid);
      if (row !== undefined && row.last_block >= metagraph.block) continue;
      if (row?.hotkey === neuron.hotkey) {
        await inner.db.updateTable("neurons").set(figures).where("id", "=", row.id).execute();
        continue;
      }
      await inner.db
        .insertInto("neurons")
        .values({ uid: neuron.uid, hotkey: neuron.hotkey, first_block: metagraph.block, ...figures })
        .execute();
    }
  });
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

/** The uid that a hotkey holds now, as far as is known. */
export async function findUid(store: Store, hotkey: Hotkey): Promise<Uid | undefined> {
  const rows = await currentNeurons(store);
  return rows.find((row) => row.hotkey === hotkey)?.uid;
}
