-- Every price, of your contract and public, and for which days (UTC) and which sizes of a prompt it holds.
with prices as (
    select
        'own' as price_source,
        model,
        valid_from,
        coalesce(prompt_tokens_above, 0) as prompt_tokens_above,
        input_usd_per_million,
        cache_read_usd_per_million,
        cache_write_usd_per_million,
        output_usd_per_million,
        reasoning_usd_per_million
    from ({{ own_price_rows() }}) as own_prices

    union all

    select
        'public' as price_source,
        model,
        cast(null as date) as valid_from,
        prompt_tokens_above,
        input_usd_per_million,
        cache_read_usd_per_million,
        cache_write_usd_per_million,
        output_usd_per_million,
        reasoning_usd_per_million
    from {{ ref('kore_llm_public_prices') }}
),

keyed as (
    select
        *,
        {{ price_key('model') }} as price_key,
        coalesce(valid_from, cast('1970-01-01' as date)) as first_day
    from prices
)

select
    price_source,
    price_key,
    model as priced_model,
    valid_from,
    -- Until the model's next price, not included.
    lead(first_day) over (
        partition by price_source, price_key, prompt_tokens_above order by first_day
    ) as valid_until,
    prompt_tokens_above,
    -- To the next step of the prompt's size, included.
    lead(prompt_tokens_above) over (
        partition by price_source, price_key, first_day order by prompt_tokens_above
    ) as prompt_tokens_up_to,
    input_usd_per_million,
    coalesce(cache_read_usd_per_million, input_usd_per_million) as cache_read_usd_per_million,
    coalesce(cache_write_usd_per_million, input_usd_per_million) as cache_write_usd_per_million,
    output_usd_per_million,
    coalesce(reasoning_usd_per_million, output_usd_per_million) as reasoning_usd_per_million
from keyed
