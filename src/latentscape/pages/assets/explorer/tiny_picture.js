/* A picture of few pixels is shown in squares: smoothed it would be fog. */

const TINY = 32;

export const markTiny = (picture) => picture.classList.toggle("tiny", Math.max(picture.naturalWidth, picture.naturalHeight) <= TINY);
