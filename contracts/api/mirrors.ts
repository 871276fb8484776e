import { z } from "zod";

const secretSchema = z.string().max(2_000).default("");
/** Slashes and control characters are refused: the name becomes part of an address or a file. */
const labelSchema = z
  .string()
  .trim()
  .min(1, "must not be empty")
  .max(120)
  .regex(/^[^/\\\p{Cc}]*$/u, "must hold no slash and no control character");

/**
 * Where the metrics of runs are mirrored to, with the secret that it takes. It is sealed once stored, and shown to
 * nobody.
 */
export const mirrorAddressSchema = z.discriminatedUnion("kind", [
  /** A tracking server over its REST API, version 2.0. With a user the secret is a password, without one a token. */
  z.object({
    kind: z.literal("mlflow"),
    url: z
      .url({ protocol: /^https?$/, error: "give an address with http:// or https://" })
      .refine((url) => {
        // What is no address has been refused already.
        if (!URL.canParse(url)) return true;
        const { username, password, search, hash } = new URL(url);
        return !username && !password && !search && !hash;
      }, "give the address alone; user and secret have fields of their own"),
    experiment: labelSchema.default("s3"),
    user: z.string().max(200).default(""),
    secret: secretSchema,
  }),
  /** Event files in a folder of the mirror's own in `tensorboard/` of the server's data folder. */
  z.object({ kind: z.literal("tensorboard") }),
  /** Offline runs of W&B's own client in `wandb/` of the server's data folder. */
  z.object({ kind: z.literal("wandb"), project: labelSchema.default("s3") }),
  /** Lines as verl prints them, in the run's own log. */
  z.object({ kind: z.literal("console") }),
]);
export type MirrorAddress = z.infer<typeof mirrorAddressSchema>;

export const createMirrorRequestSchema = z.object({
  name: labelSchema,
  /** Whether runs that are there already are mirrored, too. */
  earlier: z.boolean().default(false),
  address: mirrorAddressSchema,
});

export const mirrorIdRequestSchema = z.object({ id: z.uuid() });

/** Mirrors by name, without their secrets. */
export const listMirrorsResponseSchema = z.array(
  z.object({
    id: z.uuid(),
    name: z.string(),
    kind: z.enum(["mlflow", "tensorboard", "wandb", "console"]),
    /** Host and experiment, folder, project. */
    target: z.string(),
    earlier: z.boolean(),
    /** Runs that ended and are there as a whole. */
    complete: z.int(),
    /** Runs that are there in part, or not yet. */
    open: z.int(),
    /** Of them, those whose last delivery failed. */
    failing: z.int(),
    /** Why a delivery failed last; null where none is failing. */
    error: z.string().nullable(),
  }),
);
export type MirrorRow = z.infer<typeof listMirrorsResponseSchema>[number];
