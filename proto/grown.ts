/** A column's numbers in one of twice the length, or of more where so much is needed. */
export function grown<Column extends Uint32Array | Float64Array>(column: Column, lengthMin = 0): Column {
  const larger = new (column.constructor as new (length: number) => Column)(Math.max(lengthMin, column.length * 2));
  larger.set(column);
  return larger;
}
