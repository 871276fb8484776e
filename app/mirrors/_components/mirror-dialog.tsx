"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Dialog } from "@/app/_ui/dialog";
import { TargetForm } from "@/app/_ui/target-form";
import { createMirrorRequestSchema } from "@/contracts/api/mirrors";
import { MIRROR_FIELDS, MIRROR_KINDS, MIRROR_MEANINGS } from "./mirror-texts";

/** Adds a mirror. */
export function MirrorDialog({ onClose }: { onClose: () => void }) {
  const t = useText();
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t("Add a mirror")}
      description={t("The secret is sealed once stored, and shown to nobody.")}
    >
      <MirrorForm onDone={onClose} />
    </Dialog>
  );
}

function MirrorForm({ onDone }: { onDone: () => void }) {
  const t = useText();
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const [earlier, setEarlier] = useState(false);
  const create = useMutation(
    trpc.mirrors.create.mutationOptions({
      onSuccess: () => {
        void queryClient.invalidateQueries(trpc.mirrors.pathFilter());
        onDone();
      },
    }),
  );
  return (
    <TargetForm
      id="mirror"
      kinds={MIRROR_KINDS}
      meanings={MIRROR_MEANINGS}
      fields={MIRROR_FIELDS}
      initialKind="mlflow"
      request={create}
      onSave={(entered) => {
        const parsed = createMirrorRequestSchema.safeParse({ ...entered, earlier });
        if (parsed.success) create.mutate(parsed.data);
        return parsed.error;
      }}
      onDone={onDone}
    >
      <label className="mt-3 flex items-center gap-1.5">
        <input
          type="checkbox"
          className="accent-primary"
          checked={earlier}
          onChange={(e) => setEarlier(e.target.checked)}
        />
        {t("Also the runs that are here already")}
      </label>
    </TargetForm>
  );
}
