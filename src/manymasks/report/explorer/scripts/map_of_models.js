// Numbers of a set of members from their pairwise KL alone: a map, and how many models it holds.

/** The symmetric KL of every two of some members, from a list of pairs; NaN where it is unknown. */
export function matrixOf(members, pairs) {
  const place = new Map(members.map((member, row) => [member, row]));
  const matrix = members.map((_, row) => members.map((__, column) => (row === column ? 0 : NaN)));
  for (const { a, b, kl } of pairs) {
    const [one, other] = [place.get(a), place.get(b)];
    if (one === undefined || other === undefined) continue;
    matrix[one][other] = kl;
    matrix[other][one] = kl;
  }
  return matrix;
}

/**
 * Effective number of models under equal weights: the diversity of order 2 of Leinster and Cobbold
 * (2012), 1 / mean over pairs of exp(-KL), a member with itself included. Between 1 (equal laws)
 * and the number of members.
 */
export function effectiveNumber(matrix) {
  const values = matrix.flat().filter((kl) => !Number.isNaN(kl));
  if (!values.length) return NaN;
  return values.length / values.reduce((sum, kl) => sum + Math.exp(-kl), 0);
}

/** Mean and maximum over the pairs of a matrix; NaN without a pair. */
export function pairSummary(matrix) {
  const values = matrix.flatMap((row, i) => row.slice(i + 1)).filter((kl) => !Number.isNaN(kl));
  if (!values.length) return { pairs: 0, mean: NaN, largest: NaN };
  const mean = values.reduce((sum, kl) => sum + kl, 0) / values.length;
  return { pairs: values.length, mean, largest: Math.max(...values) };
}

/**
 * Classical scaling to two dimensions, with KL as the squared distance: for laws that are close it
 * is half the squared Fisher distance. Returns [x, y] of each member.
 */
export function scaled(matrix) {
  const n = matrix.length;
  const squared = matrix.map((row) => row.map((kl) => (Number.isNaN(kl) ? 0 : kl)));
  const means = squared.map((row) => row.reduce((sum, value) => sum + value, 0) / n);
  const whole = means.reduce((sum, value) => sum + value, 0) / n;
  const centred = squared.map((row, i) =>
    row.map((value, j) => -(value - means[i] - means[j] + whole) / 2));
  const axes = [];
  for (let axis = 0; axis < 2; axis += 1) {
    const { value, vector } = largestEigenvector(centred);
    const length = Math.sqrt(Math.max(value, 0));
    axes.push(vector.map((entry) => entry * length));
    for (let i = 0; i < n; i += 1) {
      for (let j = 0; j < n; j += 1) centred[i][j] -= value * vector[i] * vector[j];
    }
  }
  return axes[0].map((x, i) => [x, axes[1][i]]);
}

/** By power iteration from a fixed start, shifted so that the largest is that with the largest
 * value, not modulus. */
function largestEigenvector(matrix) {
  const n = matrix.length;
  const shift = Math.max(...matrix.map((row) =>
    row.reduce((sum, value) => sum + Math.abs(value), 0)));
  let vector = Array.from({ length: n }, (_, i) => Math.cos(1 + 3 * i));
  for (let turn = 0; turn < 300; turn += 1) {
    const next = matrix.map((row, i) =>
      row.reduce((sum, value, j) => sum + value * vector[j], shift * vector[i]));
    const length = Math.hypot(...next) || 1;
    vector = next.map((value) => value / length);
  }
  const product = matrix.map((row) => row.reduce((sum, value, j) => sum + value * vector[j], 0));
  return { value: product.reduce((sum, value, i) => sum + value * vector[i], 0), vector };
}
