// Which object keys a caller may name. Narrower than S3's own rule ("Naming Amazon S3 objects", safe characters), so that a key
// means the same in a URL, a log and a file system, and never leaves the prefix that the role's policy allows.

const SAFE = /^[A-Za-z0-9!_.*'()/-]+$/;
const LONGEST = 512;

export class InvalidKey extends Error {}

// The key in the bucket; throws InvalidKey with a sentence for the caller.
export function objectKey(prefix, key) {
  if (!key) throw new InvalidKey("key is required");
  if (key.length > LONGEST) throw new InvalidKey(`key must have at most ${LONGEST} characters`);
  if (!SAFE.test(key)) throw new InvalidKey("key may hold letters, digits and ! _ . * ' ( ) - / only");
  if (key.split("/").some((part) => part === "" || part === "." || part === "..")) {
    throw new InvalidKey("no part of key between slashes may be empty, . or ..");
  }
  return prefix + key;
}
