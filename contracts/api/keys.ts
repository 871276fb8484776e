import { z } from "zod";

/** Names only: what a key is leaves the server towards a worker alone. */
export const listKeysResponseSchema = z.array(
  z.object({
    name: z.string(),
    origin: z.string(),
    createdBy: z.string(),
    updatedAt: z.date(),
    lastUsedAt: z.date().nullable(),
  }),
);

/** The key of a service account (Vertex AI) is a file of JSON. */
const serviceAccountSchema = z.string().transform((text, context) => {
  try {
    return z.object({ type: z.literal("service_account") }).parse(JSON.parse(text));
  } catch {
    context.addIssue("no JSON of a service account");
    return z.NEVER;
  }
});

export const putKeyRequestSchema = z.object({
  name: z.string().trim().min(1, "give the key a name").max(120),
  /** The server it is for; only scheme, host and port count. */
  origin: z.url({
    protocol: /^https?$/,
    error: "the address of the server, e.g. https://api.example.com/v1",
  }),
  key: z
    .string()
    .trim()
    .min(1, "paste the key")
    .max(10_000)
    .refine(
      (key) => /^[\x21-\x7e]+$/.test(key) || serviceAccountSchema.safeParse(key).success,
      "a key has no spaces or special characters, or is the JSON of a service account's key",
    ),
});
