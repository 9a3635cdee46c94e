/** What the process that decodes rows is told, and what it says: one JSON document a line. Bytes are in base64. */
import { z } from "zod";

export type RowRequest =
  | {
      readonly kind: "rows";
      readonly name: string;
      readonly sizeBytes: number;
      readonly footer: string;
      readonly columns: readonly string[];
      readonly rows: readonly number[];
    }
  /** The answer to a `read`. */
  | { readonly kind: "bytes"; readonly id: number; readonly bytes: string };

export const rowReplySchema = z.discriminatedUnion("kind", [
  /** It needs the bytes [from, to) of the file. */
  z.object({ kind: z.literal("read"), id: z.int(), from: z.int().min(0), to: z.int().min(0) }),
  z.object({ kind: z.literal("row"), row: z.record(z.string(), z.unknown()) }),
  z.object({ kind: z.literal("done") }),
  z.object({ kind: z.literal("invalid"), detail: z.string() }),
]);
