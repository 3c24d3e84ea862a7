-- +goose Up
-- A slip on a letter that is written as two ("ß" as "ss") is one slip: such words are found by their slips in either spelling.
INSERT INTO product_slips (slip, word)
    SELECT DISTINCT left(spelled, i - 1) || substr(spelled, i + 1), word
    FROM (SELECT replace(word, letters, letter) AS spelled, word
        FROM product_words, (VALUES ('ß', 'ss'), ('æ', 'ae'), ('œ', 'oe'), ('þ', 'th')) AS pair (letter, letters)
        WHERE char_length(word) >= 3 AND position(letters IN word) > 0) AS s, generate_series(1, char_length(spelled) + 1) AS i
    ON CONFLICT DO NOTHING;

-- +goose Down
SELECT 'migrations only go forward';
