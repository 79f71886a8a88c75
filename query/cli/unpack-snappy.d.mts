export function unpackSnappy(): void;
