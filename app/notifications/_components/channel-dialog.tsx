"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Dialog } from "@/app/_ui/dialog";
import { TargetForm } from "@/app/_ui/target-form";
import {
  createChannelRequestSchema,
  notificationEventSchema,
  type NotificationEvent,
} from "@/contracts/api/notifications";
import { CHANNEL_FIELDS, CHANNEL_KINDS, EVENT_TEXTS } from "./channel-texts";

/** Adds a channel. */
export function ChannelDialog({ onClose }: { onClose: () => void }) {
  const t = useText();
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t("Add a channel")}
      description={t("Address and secrets are sealed once stored, and shown to nobody.")}
    >
      <ChannelForm onDone={onClose} />
    </Dialog>
  );
}

const FIRST_EVENTS: readonly NotificationEvent[] = ["succeeded", "failed", "alarm"];

function ChannelForm({ onDone }: { onDone: () => void }) {
  const t = useText();
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const [events, setEvents] = useState(FIRST_EVENTS);
  const create = useMutation(
    trpc.notifications.create.mutationOptions({
      onSuccess: () => {
        void queryClient.invalidateQueries(trpc.notifications.pathFilter());
        onDone();
      },
    }),
  );
  return (
    <TargetForm
      id="channel"
      kinds={CHANNEL_KINDS}
      fields={CHANNEL_FIELDS}
      initialKind="webhook"
      request={create}
      onSave={({ name, address }) => {
        const parsed = createChannelRequestSchema.safeParse({
          name,
          events,
          origin: window.location.origin,
          address: address.kind === "email" ? { ...address, port: Number(address.port) } : address,
        });
        if (parsed.success) create.mutate(parsed.data);
        return parsed.error;
      }}
      onDone={onDone}
    >
      <fieldset className="mt-3">
        <legend className="font-medium">{t("Told of")}</legend>
        <div className="mt-1 flex flex-wrap gap-x-4 gap-y-1">
          {notificationEventSchema.options.map((event) => (
            <label key={event} className="flex items-center gap-1.5">
              <input
                type="checkbox"
                className="accent-primary"
                checked={events.includes(event)}
                onChange={(e) =>
                  setEvents(
                    e.target.checked ? [...events, event] : events.filter((one) => one !== event),
                  )
                }
              />
              {t(EVENT_TEXTS[event])}
            </label>
          ))}
        </div>
      </fieldset>
    </TargetForm>
  );
}
