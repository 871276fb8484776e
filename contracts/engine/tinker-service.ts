import { z } from "zod";

/** A Tinker-compatible service that trains and samples in place of an engine's own layers. */
export const tinkerServiceSchema = z.object({
  /** Address, without a key. */
  url: z.string(),
  /** The base models that it offers, by its own names. */
  models: z.array(z.string()),
});
