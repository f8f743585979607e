// Check digits of card numbers, bank accounts and national numbers.

const digitsOf = (text: string): number[] => [...text.replace(/\D/g, '')].map(Number);

const weighted = (digits: readonly number[], weights: readonly number[]): number =>
  weights.reduce((sum, weight, at) => sum + weight * digits[at]!, 0);

/** Luhn: cards, Canadian and Swedish numbers. */
export function luhn(text: string): boolean {
  const digits = digitsOf(text).reverse();
  const sum = digits.reduce((total, digit, at) => total + (at % 2 === 0 ? digit : digit * 2 > 9 ? digit * 2 - 9 : digit * 2), 0);
  return digits.length > 1 && sum % 10 === 0 && digits.some((digit) => digit !== digits[0]);
}

/** ISO 7064 mod 97-10 of letters and digits, the first four moved to the end: IBAN. */
export function mod97(iban: string): number {
  let rest = 0;
  for (const c of iban.slice(4) + iban.slice(0, 4)) {
    const value = Number.parseInt(c, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest;
}

const VERHOEFF_D = [
  '0123456789', '1234067895', '2340178956', '3401289567', '4012395678', '5987604321', '6598710432', '7659821043', '8765932104', '9876543210',
];
const VERHOEFF_P = ['0123456789', '1576283094', '5803796142', '8916043527', '9453126870', '4286573901', '2793806415', '7046913258'];

/** Verhoeff: Aadhaar. */
export function verhoeff(text: string): boolean {
  const check = digitsOf(text).reverse().reduce((c, digit, at) => Number(VERHOEFF_D[c]![Number(VERHOEFF_P[at % 8]![digit]!)]), 0);
  return check === 0;
}

/** Spanish DNI and NIE: the letter is the number mod 23. */
export function spanish(text: string): boolean {
  const plain = text.replace(/[^0-9A-Za-z]/g, '').toUpperCase();
  const number = Number(plain.slice(0, -1).replace(/^X/, '0').replace(/^Y/, '1').replace(/^Z/, '2'));
  return 'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23] === plain.at(-1);
}

/** French NIR: 13 digits and 97 minus their remainder. */
export function french(text: string): boolean {
  const digits = text.replace(/\D/g, '');
  return digits.length === 15 && 97n - (BigInt(digits.slice(0, 13)) % 97n) === BigInt(digits.slice(13));
}

/** Brazilian CPF. */
export function brazilian(text: string): boolean {
  const digits = digitsOf(text);
  if (digits.length !== 11 || digits.every((digit) => digit === digits[0])) return false;
  return [9, 10].every((count) => {
    const sum = digits.slice(0, count).reduce((total, digit, at) => total + digit * (count + 1 - at), 0);
    return ((sum * 10) % 11) % 10 === digits[count];
  });
}

/** Polish PESEL, with its date. */
export function polish(text: string): boolean {
  const digits = digitsOf(text);
  if (digits.length !== 11) return false;
  const month = (digits[2]! * 10 + digits[3]!) % 20;
  const day = digits[4]! * 10 + digits[5]!;
  return month >= 1 && month <= 12 && day >= 1 && day <= 31 &&
    (10 - (weighted(digits, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10)) % 10 === digits[10];
}

/** Dutch BSN: the test of eleven. */
export function dutch(text: string): boolean {
  const digits = digitsOf(text);
  return digits.length === 9 && weighted(digits, [9, 8, 7, 6, 5, 4, 3, 2, -1]) % 11 === 0 && digits.some((digit) => digit !== 0);
}

/** Chinese resident identity number: date and ISO 7064 mod 11-2. */
export function chinese(text: string): boolean {
  const date = /^\d{6}(?:18|19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])/.test(text);
  const sum = Array.from(text.slice(0, 17)).reduce((total, digit, at) => total + Number(digit) * (2 ** (17 - at) % 11), 0);
  return date && '10X98765432'[sum % 11] === text[17]!.toUpperCase();
}

/** German tax number for persons: ISO 7064 mod 11-10. */
export function german(text: string): boolean {
  const digits = digitsOf(text);
  if (digits.length !== 11 || digits[0] === 0) return false;
  let product = 10;
  for (const digit of digits.slice(0, 10)) {
    const sum = (digit + product) % 10 || 10;
    product = (sum * 2) % 11;
  }
  return (11 - product) % 10 === digits[10];
}

const ODD = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];

/** Italian codice fiscale: sixteen characters, the last from the others. */
export function italian(text: string): boolean {
  const value = (c: string): number => (c >= '0' && c <= '9' ? Number(c) : c.charCodeAt(0) - 65);
  const plain = text.toUpperCase();
  const sum = Array.from(plain.slice(0, 15)).reduce((total, c, at) => total + (at % 2 === 0 ? ODD[value(c)]! : value(c)), 0);
  return String.fromCharCode(65 + (sum % 26)) === plain[15];
}

/** Finnish HETU: date, number, and a sign from the remainder by 31. */
export function finnish(text: string): boolean {
  const number = Number(text.slice(0, 6) + text.slice(7, 10));
  return /^(0[1-9]|[12]\d|3[01])(0[1-9]|1[0-2])/.test(text) && '0123456789ABCDEFHJKLMNPRSTUVWXY'[number % 31] === text.at(-1)!.toUpperCase();
}

/** Bits of Shannon entropy a character. */
export function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const c of text) counts.set(c, (counts.get(c) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}
