-- EDIT THIS: what a million tokens of each model cost, in US dollars. Run it before call_costs.sql and after each edit.
-- The prices are examples: put in those of your contract. A model without a line is shown so, never counted as free.
-- model: as usage_by_model.sql shows it. valid_from: the first day (UTC) of the price; a new price is a new line.
-- cached_input_usd: for tokens of a request that the provider had in its cache; NULL if they cost the same.
CREATE OR REPLACE TABLE your_dataset.model_prices (
    model STRING,
    valid_from DATE,
    input_usd NUMERIC(12, 6),
    cached_input_usd NUMERIC(12, 6),
    output_usd NUMERIC(12, 6)
);

INSERT INTO your_dataset.model_prices (model, valid_from, input_usd, cached_input_usd, output_usd)
VALUES
    ('GPT-4o', DATE '2024-01-01', 2.50, 1.25, 10.00),
    ('GPT-4o mini', DATE '2024-01-01', 0.15, 0.075, 0.60),
    ('GPT-4', DATE '2024-01-01', 30.00, NULL, 60.00),
    ('Claude 3.5 Sonnet', DATE '2024-01-01', 3.00, 0.30, 15.00),
    ('o4-mini', DATE '2024-01-01', 1.10, 0.275, 4.40),
    ('gemini-2.5-flash', DATE '2024-01-01', 0.30, 0.075, 2.50);
