"use client";
import { Plus, Save, Trash2 } from "lucide-react";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { Button } from "@/app/_ui/button";
import { CopyButton } from "@/app/_ui/copy-button";
import { Dialog } from "@/app/_ui/dialog";
import { Input, LabelledField, Select } from "@/app/_ui/field";
import type { Panels } from "./use-panels";

/** Chooses a set of panels that the project keeps, saves the one on the page, and adds a panel. */
export function PanelSets({ panels, onNew }: { panels: Panels; onNew: () => void }) {
  const t = useText();
  const [isNaming, setNaming] = useState(false);
  const { sets, chosen, isChanged } = panels;
  return (
    <div className="flex flex-wrap items-center gap-2 md:ml-auto">
      {isChanged ? <span className="text-xs text-muted-foreground">{t("Not saved")}</span> : null}
      <Select
        aria-label={t("Set of panels")}
        className="w-auto max-w-52"
        value={chosen?.id ?? ""}
        onChange={(event) => panels.choose(event.target.value || null)}
        options={[
          { value: "", text: t("No set of panels") },
          ...sets.map(({ id, name }) => ({ value: id, text: name })),
        ]}
      />
      {panels.panels.length > 0 || isChanged ? (
        <>
          <Button onClick={() => setNaming(true)} disabled={!isChanged && chosen !== undefined}>
            <Save /> {t("Save")}
          </Button>
          <CopyButton text={() => window.location.href} label={t("Copy link")} />
        </>
      ) : null}
      {chosen ? (
        <Button
          size="icon"
          variant="ghost"
          aria-label={t("Delete the set {name}", { name: chosen.name })}
          title={t("Delete the set {name}", { name: chosen.name })}
          disabled={panels.isSaving}
          onClick={panels.remove}
        >
          <Trash2 />
        </Button>
      ) : null}
      <Button onClick={onNew}>
        <Plus /> {t("New panel")}
      </Button>
      {panels.error ? (
        <p role="alert" className="w-full text-xs text-bad">
          {t.message(panels.error.message)}
        </p>
      ) : null}
      {isNaming ? (
        <NameDialog
          name={chosen?.name ?? ""}
          onClose={() => setNaming(false)}
          onSave={(name) => {
            panels.save(name);
            setNaming(false);
          }}
        />
      ) : null}
    </div>
  );
}

type NameDialogProps = { name: string; onSave: (name: string) => void; onClose: () => void };

function NameDialog({ name: first, onSave, onClose }: NameDialogProps) {
  const t = useText();
  const [name, setName] = useState(first);
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={t("Save the panels")}
      description={t(
        "Everyone in the project can choose them, for any run. A set of the same name is replaced.",
      )}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim()) onSave(name.trim());
        }}
      >
        <LabelledField id="set-name" label={t("Name")}>
          <Input
            id="set-name"
            maxLength={120}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        </LabelledField>
        <div className="mt-4 flex justify-end gap-2">
          <Button onClick={onClose}>{t("Cancel")}</Button>
          <Button type="submit" variant="primary" disabled={name.trim() === ""}>
            {t("Save")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
