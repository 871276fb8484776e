import { z } from "zod";
import { procedure } from "../trpc";

export const servedModelsResponse = z.array(
  z.object({
    id: z.uuid(),
    name: z.string(),
    /** As requests name it. */
    model: z.string(),
    /** Base URL, as a configuration's endpoint. */
    address: z.string(),
    /** Name of the stored key that it wants. */
    key: z.string().nullable(),
    worker: z.string(),
  }),
);

/** Models that running serve runs keep up, newest first. */
export const servedModels = procedure
  .output(servedModelsResponse)
  .query(({ ctx }) => ctx.services.runReader.servedModels());
