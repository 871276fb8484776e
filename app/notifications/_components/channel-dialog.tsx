"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC } from "@/app/_lib/trpc";
import { Button } from "@/app/_ui/button";
import { Dialog } from "@/app/_ui/dialog";
import { Input, LabelledField, Select } from "@/app/_ui/field";
import { ErrorState } from "@/app/_ui/states";
import {
  createChannelRequestSchema,
  notificationEventSchema,
  type ChannelAddress,
  type NotificationEvent,
} from "@/contracts/api/notifications";
import { CHANNEL_FIELDS, CHANNEL_KINDS, EVENT_TEXTS } from "./channel-texts";

type ChannelDialogProps = { open: boolean; onOpenChange: (open: boolean) => void };

/** Adds a channel. */
export function ChannelDialog({ open, onOpenChange }: ChannelDialogProps) {
  const t = useText();
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title={t("Add a channel")}
      description={t("Address and secrets are sealed once stored, and shown to nobody.")}
    >
      <ChannelForm onDone={() => onOpenChange(false)} />
    </Dialog>
  );
}

const FIRST_EVENTS: readonly NotificationEvent[] = ["succeeded", "failed", "alarm"];

function ChannelForm({ onDone }: { onDone: () => void }) {
  const t = useText();
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const [kind, setKind] = useState<ChannelAddress["kind"]>("webhook");
  const [name, setName] = useState("");
  const [events, setEvents] = useState(FIRST_EVENTS);
  const [values, setValues] = useState<Readonly<Record<string, string>>>({});
  const [problem, setProblem] = useState<string | null>(null);
  const fields = CHANNEL_FIELDS[kind];
  const create = useMutation(
    trpc.notifications.create.mutationOptions({
      onSuccess: () => {
        void queryClient.invalidateQueries(trpc.notifications.pathFilter());
        onDone();
      },
    }),
  );
  const save = (): void => {
    const entries = fields.map(({ name: field, initial = "" }): [string, unknown] => [
      field,
      values[field] ?? initial,
    ]);
    const address: Record<string, unknown> = { ...Object.fromEntries(entries), kind };
    if (kind === "email") address.port = Number(address.port);
    const parsed = createChannelRequestSchema.safeParse({
      name,
      events,
      origin: window.location.origin,
      address,
    });
    setProblem(
      parsed.error?.issues
        .map((i) => `${i.path.at(-1)?.toString() ?? ""}: ${i.message}`)
        .join("\n") ?? null,
    );
    if (parsed.success) create.mutate(parsed.data);
  };
  return (
    <form
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        save();
      }}
    >
      <LabelledField id="channel-kind" label={t("Kind")}>
        <Select
          id="channel-kind"
          className="mt-1"
          value={kind}
          onChange={(e) => setKind(e.target.value as ChannelAddress["kind"])}
          options={Object.entries(CHANNEL_KINDS).map(([value, text]) => ({ value, text: t(text) }))}
        />
      </LabelledField>
      <LabelledField id="channel-name" label={t("Name")}>
        <Input
          id="channel-name"
          className="mt-1"
          autoComplete="off"
          value={name}
          onChange={(e) => setName(e.target.value)}
        />
      </LabelledField>
      {fields.map((field) => (
        <LabelledField
          key={`${kind} ${field.name}`}
          id={`channel-${field.name}`}
          label={t(field.label)}
          hint={field.hint && t(field.hint)}
        >
          <Input
            id={`channel-${field.name}`}
            className="mt-1"
            type={field.secret ? "password" : "text"}
            autoComplete="off"
            spellCheck={false}
            value={values[field.name] ?? field.initial ?? ""}
            onChange={(e) => setValues({ ...values, [field.name]: e.target.value })}
          />
        </LabelledField>
      ))}
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
      <ErrorState
        className="mt-3"
        title={t("Not added")}
        error={problem === null ? create.error : { message: problem }}
      />
      <div className="mt-4 flex justify-end gap-2">
        <Button onClick={onDone}>{t("Close")}</Button>
        <Button variant="primary" type="submit" disabled={create.isPending}>
          {t("Add")}
        </Button>
      </div>
    </form>
  );
}
