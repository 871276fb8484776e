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
    .regex(/^[\x21-\x7e]+$/, "a key has no spaces or special characters"),
});
