import { AppError } from "@/contracts/errors";

/** For an option that may be repeated: adds a value to those before it. */
export const collect = (value: string, values: string[]): string[] => [...values, value];

/** Parses a whole number that an option takes. @throws AppError "invalid-input" for anything else */
export function parseInteger(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number))
    throw new AppError("invalid-input", `${value} is not a whole number.`);
  return number;
}
