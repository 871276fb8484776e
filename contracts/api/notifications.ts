import { z } from "zod";
import { alarmNameSchema } from "@/contracts/records/alarms";

/** What people can be told of. */
export const notificationEventSchema = z.enum(["succeeded", "failed", "cancelled", "alarm"]);
export type NotificationEvent = z.infer<typeof notificationEventSchema>;

/** What happened, as it is kept until it is delivered. */
export const storedEventSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("end"),
    runId: z.uuid(),
    state: z.enum(["succeeded", "failed", "cancelled"]),
    reason: z.string().nullable(),
  }),
  z.object({ kind: z.literal("alarm"), runId: z.uuid(), alarm: alarmNameSchema, step: z.int() }),
]);
export type StoredEvent = z.infer<typeof storedEventSchema>;

const urlSchema = z.url({
  protocol: /^https?$/,
  error: "give an address with http:// or https://",
});
const secretSchema = z.string().max(500).default("");

/** Where messages go, with the secrets that it takes. They are sealed once stored, and shown to nobody. */
export const channelAddressSchema = z.discriminatedUnion("kind", [
  /** JSON is posted; with a secret it is signed: header x-s3-signature, HMAC-SHA256 of the body in hex. */
  z.object({ kind: z.literal("webhook"), url: urlSchema, secret: secretSchema }),
  z.object({ kind: z.literal("slack"), url: urlSchema }),
  z.object({ kind: z.literal("feishu"), url: urlSchema, secret: secretSchema }),
  z.object({ kind: z.literal("dingtalk"), url: urlSchema, secret: secretSchema }),
  z.object({
    kind: z.literal("email"),
    host: z.string().trim().min(1, "give the mail server"),
    port: z.int().min(1).max(65_535).default(587),
    user: z.string().max(200).default(""),
    password: secretSchema,
    from: z.email(),
    to: z.email(),
  }),
]);
export type ChannelAddress = z.infer<typeof channelAddressSchema>;

export const createChannelRequestSchema = z.object({
  name: z.string().trim().min(1, "give it a name").max(120),
  events: z.array(notificationEventSchema).min(1, "choose what to be told of"),
  /** Origin of the pages as the browser sees it, for the links in messages. */
  origin: urlSchema,
  address: channelAddressSchema,
});

export const channelIdRequestSchema = z.object({ id: z.uuid() });

/** Channels by name, without their secrets. */
export const listChannelsResponseSchema = z.array(
  z.object({
    id: z.uuid(),
    name: z.string(),
    kind: z.string(),
    /** Host, or who gets the mail. */
    target: z.string(),
    events: z.array(notificationEventSchema),
    sent: z.int(),
    pending: z.int(),
    failed: z.int(),
    /** Why the last message that is not delivered is not; null where all are. */
    error: z.string().nullable(),
  }),
);
export type ChannelRow = z.infer<typeof listChannelsResponseSchema>[number];
