import { z } from "zod";

/** What searches on a worker find. Apart from the other tasks, whose requests hold whole configurations. */

/** Those that the corpus has, in the order of the ids. */
export const documentsResultSchema = z.object({
  documents: z.array(z.object({ id: z.string(), title: z.string(), text: z.string() })),
});

export const queryResultSchema = z.object({
  documents: z.array(
    z.object({ id: z.string(), title: z.string(), text: z.string(), score: z.number() }),
  ),
  /** Wall-clock seconds of the search alone. */
  seconds: z.number(),
  /** Seconds until the retriever was open; an index that was missing is built in them. */
  openSeconds: z.number(),
  /** The retriever as it names itself, and how many documents it searched (null where it does not say). */
  retriever: z.object({ title: z.string(), documents: z.int().nullable() }),
});
export type QueryResult = z.infer<typeof queryResultSchema>;
