"use client";
import type { ComponentProps } from "react";
import { cn } from "./cn";

type SwitchProps = Omit<ComponentProps<"button">, "onChange"> & {
  checked: boolean;
  onCheckedChange: (checked: boolean) => void;
};

/** Turns a setting on and off. It needs a label. */
export function Switch({ className, checked, onCheckedChange, ...props }: SwitchProps) {
  const state = checked ? "checked" : "unchecked";
  return (
    <button
      type="button"
      role="switch"
      aria-checked={checked}
      data-state={state}
      className={cn(
        "inline-flex h-5 w-9 shrink-0 items-center rounded-full border border-transparent bg-input p-px transition-colors data-[state=checked]:bg-primary",
        className,
      )}
      onClick={() => onCheckedChange(!checked)}
      {...props}
    >
      <span
        data-state={state}
        className="block size-4 rounded-full bg-card transition-transform data-[state=checked]:translate-x-4"
      />
    </button>
  );
}

interface LabelledSwitchProps {
  id: string;
  label: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
}

/** A switch with its label on the right. */
export function LabelledSwitch({ id, label, checked, onChange }: LabelledSwitchProps) {
  return (
    <div className="mt-3 flex items-center gap-2">
      <Switch id={id} checked={checked} onCheckedChange={onChange} />
      <label htmlFor={id}>{label}</label>
    </div>
  );
}
