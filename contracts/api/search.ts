import { z } from "zod";
import { runKindSchema, runStateSchema } from "@/contracts/records/run-state";

export const searchRequestSchema = z.object({ text: z.string().trim().min(2).max(200) });

/** What a text was found in, the newest of each kind first. */
export const searchResponseSchema = z.object({
  runs: z.array(
    z.object({ id: z.uuid(), name: z.string(), kind: runKindSchema, state: runStateSchema }),
  ),
  sweeps: z.array(z.object({ id: z.uuid(), name: z.string() })),
  questions: z.array(z.object({ set: z.string(), id: z.string(), question: z.string() })),
  corpora: z.array(z.object({ name: z.string() })),
});
export type SearchResults = z.infer<typeof searchResponseSchema>;
